import dataset_layouts as layouts
from dataset_battery import DatasetBattery

from mmvrec.datasets import PascalVOC


class TestPascalVOC(DatasetBattery):
    SIZE = 8
    CLASSES = {'voc': ['dent', 'scratch']}

    def write(self, root):
        return layouts.write_voc(root)

    def build(self, root, **kwargs):
        return PascalVOC(str(root), **kwargs)

    def edit_mask(self, root):
        objects = [('scratch', 11, 8, 30, 20), ('dent', 40, 20, 50, 30)]
        layouts.write_text(root / 'Annotations' / '0.xml', layouts.xml_text(*objects))

    def break_one(self, root):
        (root / 'JPEGImages' / '0.jpg').unlink()
        return '0.xml'
