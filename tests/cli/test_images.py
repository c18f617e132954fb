"""Files, folders and patterns that stand for images."""

from pathlib import Path

import pytest

from mmvrec.cli.images import image_files

FILES = ('day1/a.jpg', 'day1/b.PNG', 'day1/sub/c.tif', 'day1/notes.txt', 'day1/._a.jpg', 'x[1].png')
FILES += ('day2/a.jpg', 'none/readme.md', '__MACOSX/day1/a.jpg')


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


DAY1 = ['day1/a.jpg', 'day1/b.PNG', 'day1/sub/c.tif']
NAMES = {
    'a file, whatever its suffix': (['day1/notes.txt'], ['day1/notes.txt']),
    'a file called like a pattern': (['x[1].png'], ['x[1].png']),
    'a folder': (['day1'], DAY1),
    'a folder, with a separator': (['./day1/'], DAY1),
    'a pattern': (['day*/*.jpg'], ['day1/a.jpg', 'day2/a.jpg']),
    'a pattern of Windows': (['day1\\*.jpg'], ['day1/a.jpg']),
    'a pattern that matches folders': (['day?'], [*DAY1, 'day2/a.jpg']),
    'a pattern that matches other files': (['day1/*'], DAY1),
    'at any depth': (['**/c.*'], ['day1/sub/c.tif']),
    'the same again': (['day1/b.PNG', './day1/b.PNG', 'day1'], ['day1/b.PNG', DAY1[0], DAY1[2]]),
}


@pytest.mark.parametrize(('names', 'expected'), NAMES.values(), ids=NAMES)
def test_images(names, expected):
    assert image_files(names) == expected


@pytest.mark.parametrize('name', ['none', 'none/*'])
def test_without_images(name):
    with pytest.raises(ValueError, match=r'no image in none.*; looked for are files \.bmp, '):
        image_files(['day1', name])


@pytest.mark.parametrize('name', ['gone.png', 'gone/*.png', 'day1\\gone.jpg', '[', ''])
def test_nothing_of_this_name(name):
    with pytest.raises(FileNotFoundError, match='no image at '):
        image_files(['day1', name])


def test_what_is_no_regular_file_is_left_to_the_reader(folder):
    (folder / 'day1/z.png').symlink_to('gone')
    assert image_files(['day1/z.png']) == ['day1/z.png']
    assert image_files(['day1'])[-1] == 'day1/z.png'
