"""Names of files of results."""

import os
from pathlib import Path

import pytest

from mmvrec.utils.outputs import output_names, refuse_overwriting

NAMES = {
    'one': (['some/where/c.png'], ['c']),
    'folders': (['d1/x.png', 'd2/x.png', 'd3/x_0.png'], ['d1/x', 'd2/x', 'd3/x_0']),
    'common folders are left away': (['a/b/d1/x.png', 'a/b/x.png'], ['d1/x', 'x']),
    'suffixes': (['x.png', 'x.jpg', 'y.jpg'], ['x_png', 'x_jpg', 'y']),
    'a name that is made': (['x.png', 'x.jpg', 'x_png.bmp'], ['x_png', 'x_jpg', 'x_png_1']),
    'the same twice': (['x.png', 'x.png', 'x_1.png'], ['x_png', 'x_png_1', 'x_1']),
    'case': (['x.png', 'X.png'], ['x_png', 'X_png_1']),
    'Unicode forms': (['\xe9.png', 'e\u0301.png'], ['\xe9_png', 'e\u0301_png_1']),
    'no files': ([None, None], ['array_0', 'array_1']),
    'no file, and one called so': ([None, 'array_0.png'], ['array_0', 'array_0_png']),
    'Windows': (
        ['con.png', 'a:b*?.png', 'COM1/c.png', 'x. .png', 'nul.tar.png'],
        ['_con', 'a_b__', '_COM1/c', 'x', '_nul.tar'],
    ),
    'no name is left': (['...png'], ['_']),
    'out of the folder': (['a/../../x.png', 'b.png'], ['x', f'{Path.cwd().name}/b']),
    'a folder called like a picture': (['a.jpg', 'a.png/b.jpg'], ['a', 'a.png_/b']),
    'none at all': ([], []),
}


@pytest.mark.parametrize(('files', 'expected'), NAMES.values(), ids=NAMES)
def test_names(files, expected):
    assert output_names(files) == expected


def test_long_names_are_cut_and_stay_apart(tmp_path):
    files = [f'{"缺" * 80}{letter}.png' for letter in 'ab']
    names = output_names(files)
    assert len({*names}) == 2
    for name in names:
        assert name.startswith('缺' * 47 + '_')
        assert len(os.fsencode(name)) <= 150
    assert output_names(files[1:]) == names[1:]
    assert output_names(['a' * 150 + '.png', 'a' * 151 + '.png'])[0] == 'a' * 150


def test_names_that_are_no_text(tmp_path):
    (name,) = output_names([os.fsdecode(b'\xff.png')])
    assert os.fsencode(name) == b'\xff'


def test_what_is_read_is_not_overwritten(tmp_path):
    (tmp_path / 'm').touch()
    (tmp_path / 'link').symlink_to('m')
    inputs = [tmp_path / 'm', tmp_path / 'missing']
    refuse_overwriting([tmp_path / 'new', tmp_path / 'missing'], inputs)
    for name in ('m', 'link', '../' + tmp_path.name + '/m'):
        with pytest.raises(ValueError, match='is read, so it cannot be written; name another'):
            refuse_overwriting([tmp_path / name], inputs)
