import dataset_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, records_of

from mmvrec.datasets import HRIPCB


class TestHRIPCB(DatasetBattery):
    SIZE = 8
    CLASSES = HRIPCB.TASK_CLASSES

    def write(self, root):
        return layouts.write_hripcb(root)

    def build(self, root, **kwargs):
        return HRIPCB(str(root), **kwargs)

    def edit_mask(self, root):
        path = root / 'Annotations' / 'Short' / '01_short_01.xml'
        path.write_text(path.read_text().replace('<xmin>1<', '<xmin>2<'))

    def break_one(self, root):
        (root / 'Annotations' / 'Short' / '01_short_01.xml').write_text('<annotation>')
        return '01_short_01.xml'


def test_an_xml_file_without_image_is_listed_and_not_fatal(tmp_path):
    root = layouts.write_hripcb(tmp_path)
    (root / 'images' / 'Short' / '01_short_01.jpg').unlink()
    dataset = HRIPCB(str(root))
    assert len(dataset) == 6
    (problem,) = dataset.problems
    assert not problem.fatal
    assert '01_short_01.xml' in problem.file
    assert 'no image' in problem.message


def test_annotations_only_needs_no_images(tmp_path):
    root = layouts.write_hripcb(tmp_path)
    (root / 'images').rename(root / 'elsewhere')
    assert len(HRIPCB(str(root), annotations_only=True)) == 8


def test_real_hripcb(real_data):
    dataset = HRIPCB(str(real_data('hripcb')))
    assert [r['label_name'] for r in records_of(dataset)] == ['missing_hole'] * 3
    assert dataset.get_data_info(0)['img_shape'] == (1586, 3034)
    (problem,) = dataset.problems
    assert '01_missing_hole_12' in str(problem)
    assert not problem.fatal


def test_no_layout_is_shown_as_it_should_be(tmp_path):
    with pytest.raises(FileNotFoundError, match='looks like this') as error:
        HRIPCB(str(tmp_path))
    assert str(tmp_path) in str(error.value)
