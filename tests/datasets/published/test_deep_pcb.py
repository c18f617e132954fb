from collections import Counter

import dataset_layouts as layouts
from dataset_battery import DatasetBattery, records_of

from mmvrec.datasets import DeepPCB

REAL_BOXES = {'open': 79, 'short': 58, 'mousebite': 94, 'spur': 63, 'copper': 66, 'pin-hole': 66}


class TestDeepPCB(DatasetBattery):
    SIZE = 6
    CLASSES = DeepPCB.TASK_CLASSES

    def write(self, root):
        return layouts.write_deep_pcb(root)

    def build(self, root, **kwargs):
        return DeepPCB(str(root), **kwargs)

    def _annotation(self, root):
        return root / 'PCBData' / 'group00041' / '00041_not' / '00041001.txt'

    def edit_mask(self, root):
        self._annotation(root).write_text('1 2 31 20 1\n5 5 15 40 6\n')

    def break_one(self, root):
        self._annotation(root).write_text('1 2 30 20 1\n5 5 15 40 0\n')
        return '00041001.txt'

    def test_types_become_names(self, root):
        names = [record['label_name'] for record in records_of(self.build(root))]
        assert names == ['open', 'pin-hole'] * 3


def test_real_deep_pcb(real_data):
    dataset = DeepPCB(str(real_data('deeppcb')))
    records = records_of(dataset)
    assert Counter(record['label_name'] for record in records) == REAL_BOXES
    assert len({record['img_id'] for record in records}) == 60
    assert {tuple(record['img_shape']) for record in records} == {(640, 640)}
    assert not dataset.problems
