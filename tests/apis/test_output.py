"""Pictures and files of results."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.visualization import Visualizer

from mmvrec.apis import output
from mmvrec.apis.output import write_results
from mmvrec.structures import encode_mask

CLASSES = ['crack', 'dent']


def result(label='crack', unknown=False) -> dict:
    return {
        'label': label,
        'score': 0.93,
        'unknown': unknown,
        'view_boxes': np.array([[0, 0, 9, 9], [1, 1, 5, 5]]),
    }


def record(mask=None) -> dict:
    return {'bbox': [20.0, 60.0, 60.0, 90.0], 'mask': mask}


def drawn(tmp_path, own, found) -> np.ndarray:
    """The picture of an instance on a grey image of 120 x 160 pixels."""
    write_results(tmp_path, [np.full((120, 160, 3), 128, np.uint8)], [[own]], [[found]], CLASSES)
    picture = cv2.imread(str(tmp_path / 'vis/array_0.png'))[..., ::-1].astype(int)
    # Four times as large, so that what is written can be read.
    assert picture.shape == (480, 640, 3)
    return picture


@pytest.mark.parametrize(
    ('height', 'width', 'scale'),
    [
        (30, 60, 8),
        (200, 400, 2),
        (330, 660, 1),
        (900, 1800, 1),
        (1, 1, 8),
        (8, 2000, 2),
        (8, 5000, 1),
    ],
)
def test_small_images_are_enlarged_by_a_whole_number(tmp_path, height, width, scale):
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    write_results(tmp_path, [image], [[]], [[]], CLASSES)
    picture = cv2.imread(str(tmp_path / 'vis/array_0.png'))
    assert picture.shape == (scale * height, scale * width, 3)


def test_files_of_every_image(tmp_path):
    paths = []
    for name in ('a/x.png', 'b/x.png', 'y.png'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.zeros((100, 100, 3), np.uint8))
        paths.append(path)
    write_results(
        tmp_path / 'out', paths, [[record()], [], [record()]], [[result()], [], [result()]], CLASSES
    )
    names = {f'{folder}/{stem}' for folder in ('vis', 'preds') for stem in ('x_0', 'x_1', 'y')}
    files = [p for p in (tmp_path / 'out').rglob('*') if p.is_file()]
    assert {str(p.relative_to(tmp_path / 'out').with_suffix('')) for p in files} == names
    assert json.loads((tmp_path / 'out/preds/y.json').read_text()) == [
        {**result(), 'view_boxes': [[0, 0, 9, 9], [1, 1, 5, 5]]}
    ]
    assert json.loads((tmp_path / 'out/preds/x_1.json').read_text()) == []
    assert not cv2.imread(str(tmp_path / 'out/vis/x_1.png')).any()


def test_boxes_have_the_colour_of_their_class(tmp_path):
    edges = {}
    for label in CLASSES:
        picture = drawn(tmp_path / label, record(), result(label))
        # The left edge of the box, and nothing within it.
        edge = picture[300, 76:85]
        edges[label] = edge[np.abs(edge - 128).sum(1).argmax()]
        assert (picture[250:350, 90:230] == 128).all()
    assert edges['crack'][2] > edges['crack'][0] + 50  # blue
    assert edges['dent'][0] > edges['dent'][2] + 50  # orange


def test_masks_are_outlined_and_unknown_has_a_colour_of_its_own(tmp_path):
    mask = np.zeros((120, 160), bool)
    mask[70:80, 30:50] = True
    picture = drawn(tmp_path / 'known', record(encode_mask(mask)), result())
    assert picture[280, 160, 2] > picture[280, 160, 0] + 50
    assert (picture[300, 130:190] == 128).all()
    unknown = drawn(tmp_path / 'unknown', record(encode_mask(mask)), result(unknown=True))
    assert unknown[280, 160].tolist() == pytest.approx([255, 0, 255], abs=40)


@pytest.mark.parametrize('x1', [0.0, 60.0, 120.0])
def test_labels_are_written_towards_the_middle(tmp_path, x1):
    own = {'bbox': [x1, 60.0, x1 + 40, 90.0], 'mask': None}
    picture = drawn(tmp_path, own, result(unknown=True))
    (columns,) = np.nonzero((picture[200:236] != 128).any((0, 2)))
    left, right = 4 * x1, min(4 * (x1 + 40), 639)
    end = columns.max() - right if x1 == 120 else columns.min() - left
    assert abs(end) <= 4
    # All of the longest label, whose width does not depend on the place.
    assert len(columns) > 150


@pytest.mark.parametrize(
    ('y1', 'y2', 'rows'),
    # Above, below, and within a box that leaves no room for either.
    [(60.0, 90.0, (200, 240)), (0.0, 60.0, (240, 280)), (0.0, 120.0, (0, 40))],
)
def test_labels_are_written_where_there_is_room(tmp_path, y1, y2, rows):
    picture = drawn(tmp_path, {'bbox': [40.0, y1, 100.0, y2], 'mask': None}, result(unknown=True))
    # Only the letters are white.
    found = np.unique(np.nonzero((picture > 230).all(2))[0])
    assert len(found) > 10
    assert rows[0] <= found.min() and found.max() < rows[1]


def test_windows_show_the_same_pictures(monkeypatch):
    shown = []
    monkeypatch.setattr(
        Visualizer, 'show', lambda self, image, **kwargs: shown.append((image, kwargs))
    )
    image = np.full((120, 160), 128, np.uint8)
    output.show_results([image, image], [[record()], []], [[result()], []], CLASSES)
    assert [kwargs['win_name'] for _, kwargs in shown] == ['array_0', 'array_1']
    assert (shown[0][0] != 128).any()
    assert (shown[1][0] == 128).all()


@pytest.mark.parametrize('number', [1, 12])
def test_numbers_sort_like_the_images(tmp_path, number):
    images = [np.full((40, 40), k, np.uint8) for k in range(number)]
    write_results(tmp_path, images, [[]] * number, [[]] * number, CLASSES)
    files = sorted(Path(tmp_path, 'vis').iterdir())
    assert [int(cv2.imread(str(f))[0, 0, 0]) for f in files] == list(range(number))
