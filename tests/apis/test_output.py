"""Pictures and files of results."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.visualization import Visualizer

from mmvrec.apis import output
from mmvrec.apis.output import check_display, check_results, result_names, write_result
from mmvrec.structures import encode_mask
from mmvrec.utils.files import write_json

CLASSES = ['crack', 'dent']


def result(label='crack', unknown=False) -> dict:
    return {
        'label': label,
        'score': 0.93,
        'unknown': unknown,
        'view_boxes': [[0, 0, 9, 9], [1, 1, 5, 5]],
    }


def record(mask=None) -> dict:
    return {'bbox': [20.0, 60.0, 60.0, 90.0], 'mask': mask}


def write_results(out_dir, images, records, results) -> list[str]:
    names = result_names(images)
    for name, image, own, found in zip(names, images, records, results, strict=True):
        write_result(out_dir, name, image, own, found, CLASSES)
    return names


def drawn(tmp_path, own, found) -> np.ndarray:
    """The picture of an instance on a grey image of 120 x 160 pixels."""
    write_results(tmp_path, [np.full((120, 160, 3), 128, np.uint8)], [[own]], [[found]])
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
    write_results(tmp_path, [image], [[]], [[]])
    picture = cv2.imread(str(tmp_path / 'vis/array_0.png'))
    assert picture.shape == (scale * height, scale * width, 3)


def test_files_of_every_image(tmp_path):
    paths = []
    for name in ('a/x.png', 'b/x.png', 'b/ü/y.png', 'b/ü/y.bmp'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        # OpenCV writes no file of such a name on Windows.
        path.write_bytes(cv2.imencode(path.suffix, np.zeros((100, 100, 3), np.uint8))[1].tobytes())
        paths.append(path)
    own = [[record()], [], [record()], []]
    names = write_results(tmp_path / 'out', paths, own, [[result()], [], [result()], []])
    assert names == ['a/x', 'b/x', 'b/ü/y_png', 'b/ü/y_bmp']
    files = {str(p.relative_to(tmp_path / 'out')) for p in (tmp_path / 'out').rglob('*.*')}
    assert files == {
        *(f'vis/{name}.png' for name in names),
        *(f'preds/{name}.json' for name in names),
    }
    assert json.loads((tmp_path / 'out/preds/b/ü/y_png.json').read_text()) == [result()]
    assert json.loads((tmp_path / 'out/preds/b/x.json').read_text()) == []
    picture = np.frombuffer((tmp_path / 'out/vis/b/x.png').read_bytes(), np.uint8)
    assert not cv2.imdecode(picture, cv2.IMREAD_COLOR).any()


def test_what_cannot_be_written_is_told_before(tmp_path):
    image = tmp_path / 'vis' / 'a.png'
    image.parent.mkdir()
    cv2.imwrite(str(image), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ValueError, match=r'vis/a\.png is read, so it cannot be written'):
        check_results(tmp_path, [image])
    (tmp_path / 'file').touch()
    with pytest.raises(ValueError, match=r'vis/a\.png cannot be written: .*no folder'):
        check_results(tmp_path / 'file', [image])
    (tmp_path / 'out/preds/a.json').mkdir(parents=True)
    with pytest.raises(ValueError, match=r'preds/a\.json is a folder'):
        check_results(tmp_path / 'out', [image])
    check_results(tmp_path / 'new', [image, np.zeros((9, 9), np.uint8)])
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('number', [float('nan'), float('inf')])
def test_json_has_no_nan(tmp_path, number):
    with pytest.raises(ValueError, match=r'r\.json cannot be written as JSON: .*compliant'):
        write_json(tmp_path / 'r.json', [{'score': number}])
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_encoded_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, 'imencode', lambda *args: (False, np.empty(0, np.uint8)))
    with pytest.raises(ValueError, match=r'array_0\.png: the picture cannot be encoded'):
        write_results(tmp_path, [np.zeros((9, 9), np.uint8)], [[]], [[]])
    assert list(tmp_path.iterdir()) == []


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
    output.show_result('array_0', image, [record()], [result()], CLASSES)
    output.show_result('array_1', image, [], [], CLASSES)
    assert [kwargs['win_name'] for _, kwargs in shown] == ['array_0', 'array_1']
    assert (shown[0][0] != 128).any()
    assert (shown[1][0] == 128).all()


@pytest.mark.parametrize(
    ('backend', 'reason'), [('agg', 'agg has none'), ('tkagg', "Cannot load backend 'tkagg'")]
)
def test_without_display_no_window_is_waited_for(monkeypatch, backend, reason):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.setattr(output.matplotlib, 'get_backend', lambda: backend)
    with pytest.raises(ValueError, match=f'there is no display for windows .*{reason}'):
        check_display()


def test_a_notebook_shows_pictures_without_windows(monkeypatch):
    monkeypatch.setattr(output.matplotlib, 'get_backend', lambda: 'inline')
    check_display()


@pytest.mark.parametrize('number', [1, 12])
def test_numbers_sort_like_the_images(tmp_path, number):
    images = [np.full((40, 40), k, np.uint8) for k in range(number)]
    write_results(tmp_path, images, [[]] * number, [[]] * number)
    files = sorted(Path(tmp_path, 'vis').iterdir())
    assert [int(cv2.imread(str(f))[0, 0, 0]) for f in files] == list(range(number))
