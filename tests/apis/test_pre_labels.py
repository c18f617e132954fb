"""Answers as annotations: what people would find in their tools, and read back."""

import json
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from PIL import Image
from small_model import PIXELS, fitted

from mmvrec.apis.pre_labels import PRE_LABELS, write_pre_labels
from mmvrec.datasets import CocoDefects, LabelMeDefects, LabelStudioDefects
from mmvrec.structures import decode_mask

BOXES = [[4.0, 5.0, 24.0, 25.5], [30.0, 10.0, 60.0, 40.0]]
ORIENTATION = 0x0112


@pytest.fixture
def day(tmp_path, monkeypatch) -> tuple[list[str], list, list]:
    """Images of one name in two folders, one of them turned and one broken, and their answers."""
    monkeypatch.chdir(tmp_path)
    for folder in ('a', 'b'):
        Path(folder).mkdir()
    cv2.imwrite('a/x.png', PIXELS)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(PIXELS))).save('b/x.jpg', exif=exif)
    Path('b/broken.png').write_text('no image')
    mask = np.zeros((48, 64), bool)
    mask[8:20, 10:31] = True
    mask[10, 12] = False
    images, given = ['a/x.png', 'b/x.jpg', 'b/broken.png'], [BOXES, mask[None], None]
    answers = fitted(tmp_path)(images, given, return_exceptions=True, progress=False)
    return images, given, answers


@pytest.mark.parametrize(('kind', 'dataset'), [('labelme', LabelMeDefects), ('coco', CocoDefects)])
def test_what_is_written_is_read_as_a_dataset(day, kind, dataset):
    images, given, answers = day
    write_pre_labels('labels', kind, images, given, answers, ['crack', 'dent'])
    read = dataset('labels')
    records = [read.get_data_info(k) for k in range(len(read))]
    # The turned image lies there upright.
    names = ['images/a/x.png'] * 2 + ['images/b/x.png']
    assert [record['img_path'] for record in records] == [f'labels/{name}' for name in names]
    assert cv2.imread('labels/images/b/x.png').shape == (48, 64, 3)
    assert Path('labels/images/a/x.png').read_bytes() == Path('a/x.png').read_bytes()
    assert [record['bbox'] for record in records] == [*BOXES, [10, 8, 31, 20]]
    assert [record['mask'] is None for record in records] == [True, True, False]
    last = records[-1]
    assert np.array_equal(decode_mask(last['mask'], last['bbox'], 48, 64) > 0, given[1][0])
    labels = [one['label'] for own in answers[:2] for one in own]
    assert [record['label_name'] for record in records] == labels
    assert not read.problems


def test_a_description_tells_verdict_and_score(day):
    images, given, answers = day
    write_pre_labels('labels', 'labelme', images, given, answers, ['crack', 'dent'])
    shapes = json.loads(Path('labels/images/a/x.json').read_text())['shapes']
    one = answers[0][0]
    assert shapes[0]['description'] == f'{one["verdict"]}, {100 * one["score"]:.0f} %'
    assert one['verdict'] in ('review', 'unknown')


def test_tasks_of_label_studio(day):
    images, given, answers = day
    write_pre_labels('labels', 'label-studio', images, given, answers, ['crack', 'a "<dent>"'])
    tasks = json.loads(Path('labels/tasks.json').read_text())
    assert [task['data']['image'] for task in tasks] == [
        '/data/local-files/?d=images/a/x.png',
        '/data/local-files/?d=images/b/x.png',
    ]
    first, second = (task['predictions'][0]['result'] for task in tasks)
    for found, box in zip([*first, *second], [*BOXES, [10, 8, 31, 20]], strict=True):
        value = found['value']
        assert (found['original_width'], found['original_height']) == (64, 48)
        x, y = value['x'] * 0.64, value['y'] * 0.48
        corners = [x, y, x + value['width'] * 0.64, y + value['height'] * 0.48]
        assert corners == pytest.approx(box)
    assert [one['value']['rectanglelabels'] for one in first] == [
        [one['label']] for one in answers[0]
    ]
    # What people have looked at reads back; what they have not is asked for by name.
    with pytest.raises(ValueError, match='no usable instance'):
        LabelStudioDefects('labels')
    read = LabelStudioDefects('labels', predictions=True)
    records = [read.get_data_info(k) for k in range(len(read))]
    assert [record['bbox'] for record in records] == [
        pytest.approx(box) for box in [*BOXES, [10, 8, 31, 20]]
    ]
    assert records[-1]['img_path'] == 'labels/images/b/x.png'
    view = ElementTree.parse('labels/interface.xml').getroot()
    assert [label.get('value') for label in view.iter('Label')] == ['crack', 'a "<dent>"']


@pytest.mark.parametrize('kind', PRE_LABELS)
def test_no_annotation_is_overwritten(day, kind):
    images, given, answers = day
    Path('labels').mkdir()
    Path('labels/x.json').write_text('mine')
    with pytest.raises(ValueError, match='labels exists already'):
        write_pre_labels('labels', kind, images, given, answers, ['crack', 'dent'])
    assert [path.name for path in Path('labels').iterdir()] == ['x.json']
