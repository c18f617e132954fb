"""Exports of Label Studio."""

import json

import dataset_layouts as layouts
import numpy as np
import pytest
from dataset_battery import DatasetBattery, records_of

from mmvrec.datasets import LabelStudioDefects
from mmvrec.datasets.formats.label_studio import image_name, read_region

NAMES = ['dent', 'scratch']


class TestLabelStudio(DatasetBattery):
    SIZE = 8
    CLASSES = {'label_studio': NAMES}

    def write(self, root):
        return layouts.write_label_studio(root)

    def build(self, root, **kwargs):
        return LabelStudioDefects(str(root), **kwargs)

    def edit_mask(self, root):
        self._edit(root, value={'points': [[20, 20], [40, 20], [40, 60]], 'polygonlabels': ['x']})

    def break_one(self, root):
        self._edit(root, type='brushlabels')
        return 'tasks.json'

    @staticmethod
    def _edit(root, **changes):
        tasks = layouts.label_studio_tasks()
        tasks[0]['annotations'][1]['result'][1].update(changes)
        layouts.write_json(root / 'tasks.json', tasks)


def test_boxes_and_polygons_in_pixels(tmp_path):
    layouts.write_label_studio(tmp_path)
    box, polygon = records_of(LabelStudioDefects(str(tmp_path)))[:2]
    assert box['img_path'] == str(tmp_path / 'images' / '0.png')
    assert box['bbox'] == pytest.approx([10, 8, 30, 20])
    assert (box['mask'], box['label_name'], box['img_shape']) == (None, 'dent', (48, 64))
    assert polygon['bbox'] == pytest.approx([10, 8, 30, 20])
    assert np.allclose(polygon['mask']['points'][0], layouts.POLYGON)


def test_a_turned_rectangle_is_a_polygon():
    region = layouts.label_studio_region('dent')
    # A quarter turn clockwise about the upper left corner: what was right of it is below.
    region['value']['rotation'] = 90
    found = read_region(region)
    assert found['bbox'] == pytest.approx([-2, 8, 10, 28])
    assert np.allclose(found['mask']['points'][0], [[10, 8], [10, 28], [-2, 28], [-2, 8]])


def test_predictions_are_no_labels_unless_asked_for(tmp_path):
    layouts.write_label_studio(tmp_path)
    tasks = layouts.label_studio_tasks()
    tasks[3]['predictions'] = [{'result': tasks[3].pop('annotations')[1]['result']}]
    tasks[2]['annotations'][1]['was_cancelled'] = True
    layouts.write_json(tmp_path / 'tasks.json', tasks)
    dataset = LabelStudioDefects(str(tmp_path))
    assert len(dataset) == 4
    assert [(p.instance, p.message, p.fatal) for p in dataset.problems] == [
        (f'0a1b2c3d-{k}.png', 'not used: nobody has annotated it', False) for k in (2, 3)
    ]
    assert len(LabelStudioDefects(str(tmp_path), predictions=True)) == 6


@pytest.mark.parametrize(
    ('data', 'name'),
    [
        ({'image': '/data/upload/1/0a1b2c3d-a%20b.PNG'}, '0a1b2c3d-a b.PNG'),
        ({'image': '/data/local-files/?d=day/x.png'}, 'day/x.png'),
        ({'text': 'a', 'photo': 'https://host:8080/p/y.jpg?sig=1'}, 'y.jpg'),
        ({'image': 's3://bucket/z.tif'}, 'z.tif'),
    ],
)
def test_image_name(data, name):
    assert image_name(data) == name


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'type': 'brushlabels'}, 'is no rectangle or polygon'),
        ({'value': {'rectanglelabels': ['a', 'b']}}, 'a region needs one label'),
        ({'original_width': '64'}, 'are no size'),
        ({'image_rotation': 90}, 'turn the file'),
        ({'value': {'rectanglelabels': ['a'], 'x': 1, 'y': None}}, 'not a pair of finite numbers'),
    ],
)
def test_regions_that_cannot_be_used(changes, message):
    with pytest.raises(ValueError, match=message):
        read_region(layouts.label_studio_region('dent', **changes))


@pytest.mark.parametrize('content', [{}, [1], [{'annotations': []}], 'no JSON'])
def test_files_of_other_programs(tmp_path, content):
    layouts.write_label_studio(tmp_path)
    text = content if content == 'no JSON' else json.dumps(content)
    layouts.write_text(tmp_path / 'tasks.json', text)
    with pytest.raises(ValueError, match=r'tasks\.json is'):
        LabelStudioDefects(str(tmp_path))


def test_a_name_that_leads_out(tmp_path):
    layouts.write_label_studio(tmp_path / 'data')
    layouts.write_image(tmp_path / 'x.png')
    tasks = layouts.label_studio_tasks()
    tasks[0]['data'] = {'image': '/data/local-files/?d=../x.png'}
    layouts.write_json(tmp_path / 'data' / 'tasks.json', tasks)
    with pytest.raises(ValueError, match=r'no image at .*/data/x\.png'):
        LabelStudioDefects(str(tmp_path / 'data'))
