import base64
import math

import cv2
import dataset_layouts as layouts
import numpy as np
import pytest
from dataset_battery import DatasetBattery, mask_of, records_of

from mmvrec.datasets import LabelMeDefects

NAMES = ['dent', 'scratch']


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
