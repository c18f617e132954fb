"""Files of a dataset: which of a folder's files count, and which an annotation means."""

import os

import pytest

from mmvrec.utils.paths import ListedImages, inside, walk_files


def make(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')


def test_walk_leaves_debris_aside_and_follows_links(tmp_path):
    root = tmp_path / 'data'
    make(root, 'a.PNG', 'sub/b.png', '._a.png', '__MACOSX/a.png', '.ipynb_checkpoints/a.png')
    make(root, 'Thumbs.db', '.DS_Store', 'sub/note.txt')
    make(tmp_path / 'elsewhere', 'c.png')
    (root / 'linked').symlink_to(tmp_path / 'elsewhere')
    (root / 'again').symlink_to(root)
    found = [path.relative_to(root).as_posix() for path in walk_files(root, ('.png',))]
    assert found == ['a.PNG', 'linked/c.png', 'sub/b.png']
    assert len(walk_files(root)) == 4


def test_walk_names_pipes(tmp_path):
    os.mkfifo(tmp_path / 'a.json')
    assert walk_files(tmp_path, ('.json',)) == [tmp_path / 'a.json']


@pytest.mark.parametrize('root', ['.', './', '', '..'])
def test_nothing_leads_out_of_a_relative_root(root, tmp_path, monkeypatch):
    (tmp_path / 'work' / 'here').mkdir(parents=True)
    monkeypatch.chdir(tmp_path / 'work' / 'here')
    out = '../secret.png' if root != '..' else '../../secret.png'
    for name in (out, '/etc/secret.png', f'a/../{out}'):
        with pytest.raises(ValueError, match='leads out of the dataset folder'):
            inside('', name, root)
    assert inside(root, 'a/../b.png', root) == os.path.normpath(os.path.join(root, 'b.png'))


def test_sibling_with_the_same_beginning_is_outside(tmp_path):
    with pytest.raises(ValueError, match='leads out'):
        inside(tmp_path / 'data', '../data2/a.png', tmp_path / 'data')


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('a.png', 'images/a.png'),
        ('sub\\b.png', 'images/sub/b.png'),
        ('C:\\Users\\me\\a.png', 'images/a.png'),
        ('\\\\server\\share\\a.png', 'images/a.png'),
        ('/home/me/photos/a.png', 'images/a.png'),
        ('train/c.png', 'elsewhere/c.png'),
        ('new.png', 'images/new.png'),
    ],
)
def test_listed_image(name, expected, tmp_path):
    make(tmp_path, 'images/a.png', 'images/sub/b.png', 'elsewhere/c.png', 'a.png')
    found = ListedImages(tmp_path).find(name, tmp_path / 'images', tmp_path)
    assert found == str(tmp_path / expected)


def test_backslash_in_a_name_of_this_system(tmp_path):
    make(tmp_path, 'odd\\name.png', 'odd/name.png')
    assert ListedImages(tmp_path).find('odd\\name.png', tmp_path) == str(tmp_path / 'odd\\name.png')


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('../../b.png', 'leads out of the dataset folder'),
        ('..\\..\\b.png', 'leads out of the dataset folder'),
        ('/etc/passwd', "leads out of the dataset folder, which has no 'passwd'"),
        ('old/b.png', 'several files are called b.png'),
    ],
)
def test_image_that_is_not_found(name, message, tmp_path):
    make(tmp_path, 'one/b.png', 'two/b.png')
    with pytest.raises(ValueError, match=message):
        ListedImages(tmp_path).find(name, tmp_path)
