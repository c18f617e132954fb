"""Files that appear whole or not at all."""

import hashlib
import os

import pytest

from mmvrec.utils.files import atomic_write, sha256_file


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


@pytest.mark.parametrize('content', [b'', b'abc', b'x' * 1_000_003])
def test_sha256_of_a_file(tmp_path, content):
    (tmp_path / 'a').write_bytes(content)
    assert sha256_file(tmp_path / 'a') == hashlib.sha256(content).hexdigest()


def test_missing_file_has_no_sha256(tmp_path):
    with pytest.raises(FileNotFoundError):
        sha256_file(tmp_path / 'a')
