"""YOLO datasets as different programs write them."""

from pathlib import Path

import dataset_layouts as layouts
import pytest
from dataset_battery import ids_of, records_of

from mmvrec.datasets import YoloDefects

BOX = '0 .5 .5 .25 .25\n'
#: The box in pixels of an image of 64 x 48.
PIXELS = [24, 18, 40, 30]


def one_image(root: Path, line: str = BOX, names: str = 'names: [dent, scratch]\n') -> Path:
    layouts.write_image(root / 'images' / '0.png')
    layouts.write_text(root / 'labels' / '0.txt', line)
    layouts.write_text(root / 'data.yaml', names)
    return root


def only_record(root: Path) -> dict:
    (record,) = records_of(YoloDefects(str(root)))
    return record


def described(dataset: YoloDefects) -> dict[str, str]:
    return {record['instance_id']: record['label_name'] for record in records_of(dataset)}


NAMES = {
    'numbers': ('names: [1, 2]', '1'),
    'numbers in a mapping with text keys': ("names: {'0': 1, '1': 2}", '1'),
    'words that YAML takes for booleans': ('names: [no, on]', 'no'),
    'what YAML takes for nothing, dates and floats': ('names: [~, 2024-01-01, 1.50]', '~'),
    'a leading zero': ('names:\n  0: 007\n  1: 08\n', '007'),
    'only some indices': ('names: {0: dent, 7: scratch}', 'dent'),
}


@pytest.mark.parametrize(('text', 'first'), NAMES.values(), ids=NAMES)
def test_names_are_text(tmp_path, text, first):
    assert only_record(one_image(tmp_path, names=text))['label_name'] == first


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'gbk'])
@pytest.mark.parametrize(
    ('name', 'text'), [('data.yaml', 'names: [划痕]\n'), ('classes.txt', '划痕\n')]
)
def test_names_in_chinese(tmp_path, encoding, name, text):
    (one_image(tmp_path) / 'data.yaml').unlink()
    (tmp_path / name).write_bytes(text.encode(encoding))
    assert only_record(tmp_path)['label_name'] == '划痕'


LINES = {
    'a class as float': '0.0 .5 .5 .25 .25',
    'blanks and tabs': '  0\t.5  .5 .25 .25 ',
    'exponents': '0 5e-1 5E-1 2.5e-1 .25',
    'line ends of Windows, empty lines': '\r\n0 .5 .5 .25 .25\r\n\r\n',
    'a byte order mark': '\ufeff0 .5 .5 .25 .25',
}


@pytest.mark.parametrize('line', LINES.values(), ids=LINES)
def test_lines(tmp_path, line):
    record = only_record(one_image(tmp_path, line))
    assert (record['label_name'], record['bbox'], record['mask']) == ('dent', PIXELS, None)


def test_a_turned_box_is_a_polygon(tmp_path):
    record = only_record(one_image(tmp_path, '0 .25 .25 .5 .25 .5 .75 .25 .5'))
    assert record['bbox'] == [16, 12, 32, 36]
    assert record['mask']['points'] == [[[16, 12], [32, 12], [32, 36], [16, 24]]]


def test_what_reaches_over_the_border_by_little_is_cut(tmp_path):
    assert only_record(one_image(tmp_path, '0 .9 .5 .21 .25'))['bbox'] == [50.88, 18, 64, 30]
    record = only_record(one_image(tmp_path, '0 -.005 .5 .5 .5 .5 1.01'))
    assert record['mask']['points'] == [[[0, 24], [32, 24], [32, 48]]]


@pytest.mark.parametrize('shape', ['[4, 2]', '[3, 3]', "['2', 2]"])
def test_keypoints_are_left_away(tmp_path, shape):
    number = {'[4, 2]': 8, '[3, 3]': 9}.get(shape, 4)
    names = f'kpt_shape: {shape}\nnames: [dent]\n'
    for points in ('', ' .4' * number):
        record = only_record(one_image(tmp_path, BOX.strip() + points, names))
        assert (record['bbox'], record['mask']) == (PIXELS, None)
    with pytest.raises(ValueError, match=rf'0\.txt.*and {number} of its keypoints \(kpt_shape'):
        YoloDefects(str(one_image(tmp_path, BOX.strip() + ' .4' * (number + 2), names)))


def flat(root: Path, names: str, *folders: str) -> Path:
    """Images and text files side by side, of classes 0 and 1, and a list of names."""
    for seed, folder in enumerate(folders):
        for k in range(2):
            layouts.write_image(root / folder / f'{k}.png', seed)
            layouts.write_text(root / folder / f'{k}.txt', f'{k} .5 .5 .25 .25\n')
    layouts.write_text(root / names, 'dent\nscratch\n\n')
    return root


def test_labelimg(tmp_path):
    dataset = YoloDefects(str(flat(tmp_path, 'classes.txt', '')))
    assert described(dataset) == {'0.png#0': 'dent', '1.png#0': 'scratch'}
    assert not dataset.problems


def test_cvat(tmp_path):
    flat(tmp_path, 'obj.names', 'obj_train_data', 'obj_validation_data')
    layouts.write_text(tmp_path / 'obj.data', 'classes = 2\nnames = /etc/passwd\n')
    layouts.write_text(tmp_path / 'train.txt', 'data/obj_train_data/0.png\n')
    dataset = YoloDefects(str(tmp_path))
    assert described(dataset) == {
        'obj_train_data/0.png#0': 'dent',
        'obj_train_data/1.png#0': 'scratch',
        'obj_validation_data/0.png#0': 'dent',
        'obj_validation_data/1.png#0': 'scratch',
    }
    assert not dataset.problems


def test_roboflow(tmp_path):
    for half in ('train', 'valid', 'test'):
        layouts.write_image(tmp_path / half / 'images' / 'a.rf.1.jpg')
        layouts.write_text(tmp_path / half / 'labels' / 'a.rf.1.txt', BOX)
    text = 'train: ../train/images\nval: /etc\nnc: 1\nnames: [dent]\nroboflow: {license: x}\n'
    layouts.write_text(tmp_path / 'data.yaml', text)
    layouts.write_text(tmp_path / 'README.roboflow.txt', 'about')
    dataset = YoloDefects(str(tmp_path))
    assert ids_of(dataset) == [f'{half}/images/a.rf.1.jpg#0' for half in ('test', 'train', 'valid')]
    assert not dataset.problems


def test_names_beside_the_labels(tmp_path):
    one_image(tmp_path)
    layouts.write_text(tmp_path / 'labels' / 'classes.txt', 'dent\nscratch\n')
    dataset = YoloDefects(str(tmp_path))
    assert described(dataset) == {'images/0.png#0': 'dent'}
    assert not dataset.problems
    (tmp_path / 'data.yaml').unlink()
    assert described(YoloDefects(str(tmp_path))) == {'images/0.png#0': 'dent'}


def test_other_names_are_told(tmp_path):
    one_image(tmp_path)
    other = layouts.write_text(tmp_path / 'labels' / 'classes.txt', 'dog\nperson\n')
    dataset = YoloDefects(str(tmp_path))
    assert described(dataset) == {'images/0.png#0': 'dent'}
    (problem,) = dataset.problems
    assert str(problem) == f'{other}: not used: its names are not those of ' + str(
        tmp_path / 'data.yaml'
    )
    assert not problem.fatal
    # Without data.yaml it is not known which of the labels each of them is for.
    (tmp_path / 'data.yaml').unlink()
    layouts.write_text(tmp_path / 'classes.txt', 'dent\nscratch\n')
    with pytest.raises(ValueError, match=r'labels/classes\.txt: not used'):
        YoloDefects(str(tmp_path))


def test_an_empty_line_in_a_list_of_names_does_not_shift_them(tmp_path):
    flat(tmp_path, 'classes.txt', '')
    layouts.write_text(tmp_path / 'classes.txt', 'dent\n\nscratch\n')
    with pytest.raises(ValueError, match='names must be different strings'):
        YoloDefects(str(tmp_path))


def test_two_text_files_of_one_image_are_told(tmp_path):
    one_image(tmp_path)
    layouts.write_text(tmp_path / 'images' / '0.txt', BOX)
    with pytest.raises(ValueError, match=r'labels/0\.txt: .*images/0\.txt is of the same image'):
        YoloDefects(str(tmp_path))


def test_text_files_that_are_no_labels(tmp_path):
    flat(tmp_path, 'classes.txt', '')
    layouts.write_text(tmp_path / 'notes.txt', 'blurred')
    layouts.write_text(tmp_path / 'LICENSE.txt', 'free')
    dataset = YoloDefects(str(tmp_path))
    assert len(dataset) == 2
    (problem,) = dataset.problems
    assert str(problem) == f'{tmp_path / "notes.txt"}: not used: no image of its name, no labels'
    layouts.write_text(tmp_path / 'lost.txt', BOX)
    with pytest.raises(ValueError, match=r'lost\.txt: it needs one image'):
        YoloDefects(str(tmp_path))


def test_webp(tmp_path):
    one_image(tmp_path)
    (tmp_path / 'images' / '0.png').unlink()
    layouts.write_image(tmp_path / 'images' / '0.webp')
    assert only_record(tmp_path)['bbox'] == PIXELS


def test_an_image_of_which_no_text_file_tells_has_no_instance(tmp_path):
    one_image(tmp_path)
    layouts.write_image(tmp_path / 'images' / '1.png')
    dataset = YoloDefects(str(tmp_path))
    assert ids_of(dataset) == ['images/0.png#0']
    assert not dataset.problems
