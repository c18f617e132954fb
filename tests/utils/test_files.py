"""Files that appear whole or not at all."""

import hashlib
import os

import numpy as np
import pytest

from mmvrec.utils.files import (
    atomic_folder,
    atomic_write,
    check_unused,
    read_npy,
    sha256_file,
)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / 'new' / 'folder' / 'bank.npz'
    with atomic_write(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == '.npz'
        assert not path.exists()
        temporary.write_text('whole')
    assert path.read_text() == 'whole'
    assert names(path.parent) == ['bank.npz']


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('old')
    with pytest.raises(RuntimeError, match='no power'), atomic_write(path) as temporary:
        temporary.write_text('half')
        raise RuntimeError('no power')
    assert path.read_text() == 'old'
    assert names(tmp_path) == ['a.json']


def test_interrupted_write_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / 'a.json') as temporary:
        temporary.write_text('half')
        raise KeyboardInterrupt
    assert not names(tmp_path)


def test_file_is_replaced(tmp_path):
    path = tmp_path / 'a.json'
    for text in ('old and long', 'new'):
        with atomic_write(str(path)) as temporary:
            temporary.write_text(text)
    assert path.read_text() == 'new'


@pytest.mark.parametrize(('umask', 'mode'), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_file_has_the_rights_of_any_other(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with atomic_write(tmp_path / 'a.json') as temporary:
            temporary.write_text('a')
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert (tmp_path / 'a.json').stat().st_mode & 0o777 == mode


def test_writers_of_the_same_file_do_not_meet(tmp_path):
    path = tmp_path / 'a.json'
    with atomic_write(path) as first, atomic_write(path) as second:
        assert first != second
        first.write_text('first')
        second.write_text('second')
    assert path.read_text() == 'first'
    assert names(tmp_path) == ['a.json']


@pytest.mark.parametrize('empty', [False, True])
def test_folder_appears_when_the_block_ends(tmp_path, empty):
    path = tmp_path / 'new' / 'set'
    if empty:
        path.mkdir(parents=True)
    before = os.umask(0o027)
    try:
        with atomic_folder(path) as temporary:
            assert temporary.parent == path.parent
            (temporary / 'a').write_text('whole')
            assert not (path / 'a').exists()
    finally:
        os.umask(before)
    assert names(path) == ['a']
    assert names(path.parent) == ['set']
    assert path.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt])
def test_failed_folder_leaves_nothing(tmp_path, error):
    with pytest.raises(error), atomic_folder(tmp_path / 'set') as temporary:
        (temporary / 'sub').mkdir()
        (temporary / 'sub' / 'a').write_text('half')
        raise error
    assert not names(tmp_path)


def test_folder_in_use_is_refused_and_left(tmp_path):
    (tmp_path / 'set').mkdir()
    (tmp_path / 'set' / 'mine').write_text('mine')
    (tmp_path / 'file').write_text('mine')
    (tmp_path / 'link').symlink_to('nowhere')
    before = names(tmp_path)
    for name in before:
        with (
            pytest.raises(ValueError, match=f'{name} exists already'),
            atomic_folder(tmp_path / name),
        ):
            pytest.fail('the block must not be entered')
    check_unused(tmp_path / 'other')
    assert names(tmp_path) == before
    assert (tmp_path / 'set' / 'mine').read_text() == 'mine'


def test_npy(tmp_path):
    values = np.arange(6, dtype=np.float16).reshape(2, 3)
    np.save(tmp_path / 'a.npy', values)
    assert read_npy(tmp_path / 'a.npy').dtype == np.float16
    assert (read_npy(tmp_path / 'a.npy') == values).all()
    data = (tmp_path / 'a.npy').read_bytes()
    np.save(tmp_path / 'object.npy', np.array([{}]), allow_pickle=True)
    for bad in (b'', data[:-1], b'PK' + data, (tmp_path / 'object.npy').read_bytes()):
        (tmp_path / 'a.npy').write_bytes(bad)
        with pytest.raises(ValueError, match=r'a\.npy is not a readable npy file'):
            read_npy(tmp_path / 'a.npy')


@pytest.mark.parametrize('content', [b'', b'abc', b'x' * 1_000_003])
def test_sha256_of_a_file(tmp_path, content):
    (tmp_path / 'a').write_bytes(content)
    assert sha256_file(tmp_path / 'a') == hashlib.sha256(content).hexdigest()


def test_missing_file_has_no_sha256(tmp_path):
    with pytest.raises(FileNotFoundError):
        sha256_file(tmp_path / 'a')
