from collections import Counter

import dataset_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of, records_of

from mmvrec.datasets import NEUDET

#: Images and boxes by the class in the file's name, from SOURCE.md.
REAL_BOXES = {
    'crazing': (30, 67),
    'pitted_surface': (30, 56),
    'rolled-in_scale': (30, 63),
    'patches': (30, 96),
    'scratches': (30, 59),
    'inclusion': (30, 88),
}


class TestNEUDET(DatasetBattery):
    SIZE = 18
    CLASSES = NEUDET.TASK_CLASSES

    def write(self, root):
        return layouts.write_neu(root)

    def build(self, root, **kwargs):
        return NEUDET(str(root), **kwargs)

    def edit_mask(self, root):
        path = root / 'ANNOTATIONS' / 'crazing_1.xml'
        path.write_text(path.read_text().replace('<xmin>1<', '<xmin>2<'))

    def break_one(self, root):
        path = root / 'ANNOTATIONS' / 'crazing_1.xml'
        path.write_text(path.read_text().replace('<name>inclusion<', '<name>inclusions<'))
        return 'crazing_1.xml'

    def test_the_class_is_the_boxes_not_the_files(self, root):
        names = {r['label_name'] for r in records_of(self.build(root)) if 'patches' in r['img_id']}
        assert names == {'patches', 'inclusion'}


class TestNEUDETKaggle(TestNEUDET):
    def write(self, root):
        return layouts.write_neu_kaggle(root)

    def edit_mask(self, root):
        path = root / 'train' / 'annotations' / 'crazing_1.xml'
        path.write_text(path.read_text().replace('<xmin>1<', '<xmin>2<'))

    def break_one(self, root):
        path = root / 'train' / 'annotations' / 'crazing_1.xml'
        path.write_text(path.read_text().replace('<name>inclusion<', '<name>inclusions<'))
        return 'crazing_1.xml'


def test_both_neu_layouts_give_the_same_dataset(tmp_path):
    plain = NEUDET(str(layouts.write_neu(tmp_path / 'plain')))
    kaggle = NEUDET(str(layouts.write_neu_kaggle(tmp_path / 'kaggle')))
    assert ids_of(plain) == ids_of(kaggle)
    assert plain.fingerprint() == kaggle.fingerprint()


def test_validation_folders_are_read_too(tmp_path):
    root = layouts.write_neu(tmp_path)
    layouts.write_image(root / 'Validation_Images' / 'scratches_5.jpg')
    text = layouts.xml_text(('scratches', 1, 1, 9, 9))
    layouts.write_text(root / 'Validation_Annotations' / 'scratches_5.xml', text)
    assert 'scratches_5#0' in ids_of(NEUDET(str(root)))


def test_a_repeated_box_is_listed_and_not_fatal(tmp_path):
    root = layouts.write_neu(tmp_path)
    box = ('crazing', 1, 1, 9, 9)
    path = root / 'ANNOTATIONS' / 'crazing_1.xml'
    path.write_text(layouts.xml_text(box, box, ('patches', 1, 1, 9, 9)))
    dataset = NEUDET(str(root))
    assert [i for i in ids_of(dataset) if i.startswith('crazing_1#')] == [
        'crazing_1#0',
        'crazing_1#2',
    ]
    (problem,) = dataset.problems
    assert (problem.instance, problem.fatal) == ('crazing_1#1', False)
    assert 'twice' in problem.message


def test_real_neu_det(real_data):
    dataset = NEUDET(str(real_data('neu_det')))
    records = records_of(dataset)
    images, boxes = {}, Counter()
    for record in records:
        prefix = record['img_id'].rsplit('_', 1)[0]
        images.setdefault(prefix, set()).add(record['img_id'])
        boxes[prefix] += 1
    assert {n: (len(images[n]), boxes[n]) for n in boxes} == REAL_BOXES
    assert not dataset.problems
    assert any(r['label_name'] != r['img_id'].rsplit('_', 1)[0] for r in records)
    assert any(r['bbox'][2] == 200 for r in records)


def test_no_layout_is_shown_as_it_should_be(tmp_path):
    with pytest.raises(FileNotFoundError, match='looks like this') as error:
        NEUDET(str(tmp_path))
    assert str(tmp_path) in str(error.value)
