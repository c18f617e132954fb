"""Datasets of the user's own: LabelMe, YOLO, CSV."""

import base64
import math

import cv2
import dataset_layouts as layouts
import numpy as np
import pytest
from dataset_battery import DatasetBattery, records_of

from mmvrec.datasets import (
    CocoDefects,
    CsvDefects,
    LabelMeDefects,
    PascalVOC,
    YoloDefects,
)
from mmvrec.structures import decode_mask

NAMES = ['dent', 'scratch']


def mask_of(record: dict) -> np.ndarray:
    return decode_mask(record['mask'], record['bbox'], *record['img_shape']) > 0


class TestLabelMe(DatasetBattery):
    SIZE = 8
    CLASSES = {'labelme': NAMES}

    def write(self, root):
        return layouts.write_labelme(root)

    def build(self, root, **kwargs):
        return LabelMeDefects(str(root), **kwargs)

    def edit_mask(self, root):
        self._edit(root, points=[[10, 8], [30, 8], [30, 20]])

    def break_one(self, root):
        self._edit(root, shape_type='line')
        return '0.json'

    @staticmethod
    def _edit(root, **changes):
        content = layouts.labelme_content('../images/0.png')
        content['shapes'][0].update(changes)
        layouts.write_json(root / 'labels' / '0.json', content)


class TestYolo(DatasetBattery):
    SIZE = 8
    CLASSES = {'yolo': NAMES}

    def write(self, root):
        return layouts.write_yolo(root)

    def build(self, root, **kwargs):
        return YoloDefects(str(root), **kwargs)

    def edit_mask(self, root):
        path = root / 'labels' / 'train' / '0.txt'
        path.write_text(path.read_text().replace('1 0.7', '1 0.6'))

    def break_one(self, root):
        layouts.write_text(root / 'labels' / 'train' / '0.txt', '0 0.5 0.5 0.2 0.2\n9 0 0 1 1\n')
        return '0.txt'


class TestCsv(DatasetBattery):
    SIZE = 8
    CLASSES = {'csv': NAMES}

    def write(self, root):
        return layouts.write_csv_defects(root)

    def build(self, root, **kwargs):
        return CsvDefects(str(root), **kwargs)

    def edit_mask(self, root):
        self._edit(root, points='[[10, 8], [30, 8], [30, 20]]')

    def break_one(self, root):
        self._edit(root, x1='left')
        return 'annotations.csv'

    @staticmethod
    def _edit(root, **changes):
        rows = layouts.csv_rows()
        rows[0].update(changes)
        layouts.write_csv(root / 'annotations.csv', rows)


def test_every_format_gives_the_same_polygon(tmp_path):
    datasets = [
        LabelMeDefects(str(layouts.write_labelme(tmp_path / 'labelme'))),
        YoloDefects(str(layouts.write_yolo(tmp_path / 'yolo'))),
        CsvDefects(str(layouts.write_csv_defects(tmp_path / 'csv'))),
    ]
    voc = PascalVOC(str(layouts.write_voc(tmp_path / 'voc')))
    for index in range(8):
        first, *others = [dataset.get_data_info(index) for dataset in datasets]
        for record in others:
            assert record['label_name'] == first['label_name']
            assert record['bbox'] == pytest.approx(first['bbox'], abs=1e-3)
            assert np.mean(mask_of(record) != mask_of(first)) < 0.02
        assert voc.get_data_info(index)['bbox'] == first['bbox']
        assert voc.get_data_info(index)['label_name'] == first['label_name']


@pytest.fixture
def labelme(tmp_path):
    """The records of a LabelMe file with these shapes."""
    layouts.write_image(tmp_path / 'a.png')

    def load(*shapes, **changes):
        content = {**layouts.labelme_content('a.png'), 'shapes': list(shapes), **changes}
        layouts.write_json(tmp_path / 'a.json', content)
        return records_of(LabelMeDefects(str(tmp_path)))

    return load


def shape(points, kind='polygon', label='dent', **more) -> dict:
    return {'label': label, 'points': points, 'shape_type': kind, **more}


def test_shapes_of_a_group_are_one_instance(labelme):
    left, right = [[2, 2], [9, 2], [9, 9]], [[40, 2], [49, 2], [49, 9]]
    (one,) = labelme(shape(left, group_id=3), shape(right, group_id=3))
    assert one['bbox'] == [2, 2, 49, 9]
    alone = [mask_of(record) for record in labelme(shape(left), shape(right))]
    assert (mask_of(one) == alone[0] | alone[1]).all()
    box = shape([[40, 2], [49, 9]], 'rectangle', group_id=3)
    (mixed,) = labelme(shape(left, group_id=3), box)
    assert mask_of(mixed).sum() == alone[0].sum() + 10 * 8
    assert len(labelme(shape(left, group_id=3), shape(right, group_id=3, label='scratch'))) == 2


def test_circle(labelme):
    (record,) = labelme(shape([[30, 20], [30, 28]], 'circle'))
    assert mask_of(record).sum() == pytest.approx(math.pi * 8.5**2, rel=0.05)
    (cut,) = labelme(shape([[2, 20], [2, 28]], 'circle'))
    assert cut['bbox'][0] == 0


def test_embedded_mask(labelme):
    crop = np.random.default_rng(0).integers(0, 2, (5, 7), np.uint8)
    crop[0, 0] = crop[-1, -1] = 1
    data = base64.b64encode(cv2.imencode('.png', crop)[1].tobytes()).decode()
    (record,) = labelme(shape([[3, 4], [9, 8]], 'mask', mask=data))
    assert (mask_of(record)[4:9, 3:10] == (crop > 0)).all()
    assert record['bbox'] == [3, 4, 10, 9]


BAD_SHAPES = {
    'line': (shape([[1, 1], [5, 5]], 'line'), 'has no area'),
    'NaN': (shape([[1, 1], [5, math.nan], [3, 4]]), 'finite numbers'),
    'ragged': (shape([[1, 1], [5], [3, 4]]), 'pair of finite numbers'),
    'outside': (shape([[1, 1], [500, 5], [3, 4]]), 'leaves the image'),
    'two points': (shape([[1, 1], [5, 5]]), 'at least 3 points'),
    'circle outside': (shape([[90, 9], [95, 9]], 'circle'), 'its centre leaves'),
    'one corner': (shape([[1, 1]], 'rectangle'), 'needs 2 or 4 points, got 1'),
    'three corners': (shape([[1, 1], [5, 5], [9, 1]], 'rotation'), 'needs 4 points, got 3'),
    'kind is no name': (shape(layouts.POLYGON, ['polygon']), 'has no area'),
    'group is no number': (shape(layouts.POLYGON, group_id=[1]), 'group_id must be a number'),
    'no label': (shape(layouts.POLYGON, label=None), 'label must be a string'),
    'empty label': (shape(layouts.POLYGON, label=' '), 'label is empty'),
    'mask of nothing': (shape([[3, 4], [9, 8]], 'mask', mask='AAAA'), 'not an image'),
    'not base64': (shape([[3, 4], [9, 8]], 'mask', mask='!'), 'not base64'),
    'no object': ('scratch', 'must be an object'),
}


@pytest.mark.parametrize(('bad', 'message'), BAD_SHAPES.values(), ids=BAD_SHAPES)
def test_bad_shapes(labelme, bad, message):
    with pytest.raises(ValueError, match=message):
        labelme(bad)


BAD_FILES = {
    'no path': ({'imagePath': ''}, 'no imagePath'),
    'traversal': ({'imagePath': '../../a.png'}, 'leads out'),
    'absolute': ({'imagePath': '/etc/b.png'}, 'leads out'),
    'absolute, of Windows': ({'imagePath': 'C:\\data\\b.png'}, "has no 'b.png'"),
    'embedded': ({'imagePath': 'b.png', 'imageData': 'AAAA'}, r'no image at .*b\.png.*imageData'),
    'embedded, absolute': ({'imagePath': 'C:\\b.png', 'imageData': 'AAAA'}, r'\(imageData\)'),
    'size': ({'imageHeight': 48.5}, 'positive integers'),
    'other size': ({'imageHeight': 47}, 'annotation is for an image of 47 x 64'),
    'no shapes': ({'shapes': None}, 'no list "shapes"'),
}


@pytest.mark.parametrize(('changes', 'message'), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_labelme_files(labelme, changes, message):
    with pytest.raises(ValueError, match=message):
        labelme(shape(layouts.POLYGON), **changes)


def test_broken_json_and_no_json(tmp_path):
    layouts.write_labelme(tmp_path)
    (tmp_path / 'labels' / '0.json').write_bytes(b'{"shapes": \xff')
    with pytest.raises(ValueError, match=r'0\.json.*not a JSON file'):
        LabelMeDefects(str(tmp_path))
    with pytest.raises(FileNotFoundError, match='no JSON file'):
        LabelMeDefects(str(tmp_path / 'images'))


BAD_LINES = {
    'prediction': ('0 .5 .5 .2 .2 .9', 'got 5'),
    'unknown class': ('2 .5 .5 .2 .2', 'class 2 has no name'),
    'pixels': ('0 32 24 10 10', 'shares of the image'),
    'no number': ('0 a b c d', 'class index and numbers'),
    'decimal commas': ('0 0,5 0,5 0,2 0,2', 'write decimal points'),
    'half a class': ('0.5 .5 .5 .2 .2', 'the class is no whole number'),
    'infinite class': ('inf .5 .5 .2 .2', 'the class is no whole number'),
    'far outside': ('0 .9 .5 .3 .2', 'leaves the image of 64 x 48'),
    'keypoints': ('0 .5 .5 .2 .2 .5 .5 2 .4 .4 2 .3 .3 2', r'got 13; keypoints need kpt_shape'),
    'name': ('scratch .5 .5 .2 .2', 'class index and numbers'),
    'NaN': ('0 nan .5 .2 .2', 'finite'),
    'no width': ('0 .5 .5 0 .2', 'must be positive'),
}


@pytest.mark.parametrize(('line', 'message'), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_yolo_lines(tmp_path, line, message):
    layouts.write_yolo(tmp_path)
    layouts.write_text(tmp_path / 'labels' / 'train' / '1.txt', line)
    with pytest.raises(ValueError, match=message) as error:
        YoloDefects(str(tmp_path))
    assert '1.txt' in str(error.value)


BAD_NAMES = {
    'no names': 'nc: 2\n',
    'a word': 'names: scratch\n',
    'not YAML': 'names: [scratch\n',
    'repeated': 'names: [scratch, scratch]\n',
    'empty': "names: [scratch, '']\n",
    'not by number': 'names: {scratch: 0}\n',
    'one index twice': 'names: {0: scratch, 00: dent}\n',
    'keypoints of nothing': 'names: [scratch, dent]\nkpt_shape: 4\n',
    'object': 'names: !!python/object/apply:os.getcwd []\n',
}


@pytest.mark.parametrize('text', BAD_NAMES.values(), ids=BAD_NAMES)
def test_bad_yolo_names(tmp_path, text):
    layouts.write_text(layouts.write_yolo(tmp_path) / 'data.yaml', text)
    with pytest.raises(ValueError, match=r'data\.yaml'):
        YoloDefects(str(tmp_path))


def test_yolo_names_in_every_place(tmp_path):
    layouts.write_yolo(tmp_path)
    before = records_of(YoloDefects(str(tmp_path)))
    layouts.write_text(tmp_path / 'data.yaml', 'names: {1: dent, 0: scratch}\n')
    assert records_of(YoloDefects(str(tmp_path))) == before
    (tmp_path / 'data.yaml').unlink()
    layouts.write_text(tmp_path / 'classes.txt', 'scratch\ndent\n\n')
    assert records_of(YoloDefects(str(tmp_path))) == before
    (tmp_path / 'classes.txt').unlink()
    with pytest.raises(FileNotFoundError, match=r'no data\.yaml or classes\.txt'):
        YoloDefects(str(tmp_path))


def test_yolo_file_without_image_and_folder_without_files(tmp_path):
    layouts.write_yolo(tmp_path)
    (tmp_path / 'images' / 'train' / '2.png').unlink()
    with pytest.raises(ValueError, match=r'2\.txt: it needs one image'):
        YoloDefects(str(tmp_path))
    layouts.write_text(tmp_path / 'empty' / 'data.yaml', 'names: [a]')
    with pytest.raises(FileNotFoundError, match='no text file in a folder "labels"'):
        YoloDefects(str(tmp_path / 'empty'))


def test_csv_tasks_and_bad_files(tmp_path):
    layouts.write_csv_defects(tmp_path)
    rows = [{**row, 'part': 'lid'} for row in layouts.csv_rows()]
    layouts.write_csv(tmp_path / 'annotations.csv', rows)
    assert CsvDefects(str(tmp_path)).task_classes == {'lid': NAMES}
    layouts.write_csv(tmp_path / 'annotations.csv', [{**rows[0], 'points': '[' * 100_000}])
    with pytest.raises(ValueError, match='points is not a JSON list'):
        CsvDefects(str(tmp_path))
    for name, message in (('../../0.png', 'leads out'), ('', 'are empty')):
        layouts.write_csv(tmp_path / 'annotations.csv', [{**rows[0], 'img_rel_path': name}])
        with pytest.raises(ValueError, match=message):
            CsvDefects(str(tmp_path))
    layouts.write_csv(tmp_path / 'annotations.csv', [{'img_rel_path': '0.png', 'label': 'dent'}])
    with pytest.raises(ValueError, match=r"columns \['x1', 'y1', 'x2', 'y2'\] are missing"):
        CsvDefects(str(tmp_path))
    (tmp_path / 'annotations.csv').unlink()
    with pytest.raises(FileNotFoundError, match='no annotation file'):
        CsvDefects(str(tmp_path))


def test_coco_and_labelme_agree_but_for_the_outline(tmp_path):
    coco = CocoDefects(str(layouts.write_coco(tmp_path / 'coco'))).get_data_info(0)
    labelme = LabelMeDefects(str(layouts.write_labelme(tmp_path / 'labelme'))).get_data_info(0)
    assert coco['bbox'] == labelme['bbox']
    # pycocotools leaves the last row and column of the outline out, cv2.fillPoly fills them.
    assert not (mask_of(coco) & ~mask_of(labelme)).any()
