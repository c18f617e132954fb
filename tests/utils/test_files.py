"""Files that appear whole or not at all."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from mmvrec.utils.files import (
    atomic_folder,
    atomic_write,
    check_output,
    check_output_folder,
    check_unused,
    read_bytes,
    read_json,
    sha256_file,
    sole_writer,
    write_json,
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


KILLED = """
import os, signal
from mmvrec.utils.files import {writer}
with {writer}({path!r}) as temporary:
    (temporary / 'a' if temporary.is_dir() else temporary).write_text('half')
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_writer(writer, path):
    script = KILLED.format(writer=writer.__name__, path=str(path))
    done = subprocess.run([sys.executable, '-c', script], check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize('writer', [atomic_write, atomic_folder])
def test_what_a_killed_writer_leaves_is_removed(tmp_path, writer):
    # Others wrote and write to the folder; and there is a hidden file of the user's.
    (tmp_path / '.a.override.json').write_text('mine')
    with atomic_write(tmp_path / 'first.json') as temporary:
        temporary.write_text('whole')
    for name in ('a.json', 'b.json'):
        kill_writer(writer, tmp_path / name)
    # What the first left, the second has removed before it was killed itself.
    (left,) = [name for name in names(tmp_path) if '.mmvrec-' in name]
    assert left.startswith('.b.')
    with atomic_write(tmp_path / 'other.json') as other:
        other.write_text('whole')
        with writer(tmp_path / 'a.json') as temporary:
            (temporary / 'a' if temporary.is_dir() else temporary).write_text('whole')
        assert other.exists()
    assert names(tmp_path) == ['.a.override.json', 'a.json', 'first.json', 'other.json']


def test_threads_that_write_the_same_file_do_not_remove_each_others(tmp_path):
    failed = []

    def write(content):
        try:
            for _ in range(25):
                with atomic_write(tmp_path / 'a.json') as temporary:
                    temporary.write_text(content)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(str(i) * 9,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert names(tmp_path) == ['a.json']
    assert len((tmp_path / 'a.json').read_text()) == 9


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs locks')
def test_a_folder_has_one_writer(tmp_path):
    with sole_writer(tmp_path / 'a') as first:
        with sole_writer(tmp_path / 'a') as second, sole_writer(tmp_path / 'b') as other:
            assert (first, second, other) == (True, False, True)
        with sole_writer(tmp_path / 'a') as second:
            assert not second
    with sole_writer(tmp_path / 'a') as second:
        assert second


def test_a_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    for path in (tmp_path / 'pipe', '/dev/null'):
        with pytest.raises(ValueError, match='is a device or pipe'):
            check_output(path)


@pytest.mark.parametrize('content', [b'', b'abc', b'x' * 1_000_003])
def test_sha256_of_a_file(tmp_path, content):
    (tmp_path / 'a').write_bytes(content)
    assert sha256_file(tmp_path / 'a') == hashlib.sha256(content).hexdigest()


def test_missing_file_has_no_sha256(tmp_path):
    with pytest.raises(FileNotFoundError):
        sha256_file(tmp_path / 'a')


@pytest.mark.parametrize('write', [check_output, lambda path: atomic_write(path).__enter__()])
def test_output_that_cannot_be_written(tmp_path, write):
    (tmp_path / 'file').write_text('old')
    for name, message in (('', 'is a folder'), ('file/new/a.json', 'file is no folder')):
        with pytest.raises(ValueError, match=message):
            write(tmp_path / name)
    assert names(tmp_path) == ['file']


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('old')
    for name in ('file', 'file/new'):
        with pytest.raises(ValueError, match=f'{name} cannot be written: .*file is no folder'):
            check_output_folder(tmp_path / name)
    for name in ('', 'new', 'new/folder'):
        check_output_folder(tmp_path / name)
    assert names(tmp_path) == ['file']


def test_output_that_can_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'a.json').write_text('old')
    for path in ('a.json', 'new.json', 'new/folder/a.json', str(tmp_path / 'new' / 'a.json')):
        check_output(path)
    assert names(tmp_path) == ['a.json']


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_output_in_a_protected_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match='write-protected'):
        check_output(tmp_path / 'a.json')


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-32'])
def test_json_in_every_unicode(tmp_path, encoding):
    content = {'name': 'Grüße 缺陷', 'values': [1, 2.5]}
    path = tmp_path / 'a.json'
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
    assert read_json(path) == content


BAD_JSON = {
    'cut off': (b'{"a": ', 'not a JSON file: Expecting value'),
    'Latin-1': ('{"ü": 1}'.encode('latin-1'), "'utf-8' codec can't decode"),
    'deep': (b'[' * 100_000, 'nested too deeply'),
    'long integer': (b'1' * 5000, 'Exceeds the limit'),
}


@pytest.mark.parametrize(('data', 'message'), BAD_JSON.values(), ids=BAD_JSON)
def test_bad_json(tmp_path, data, message):
    (tmp_path / 'a.json').write_bytes(data)
    with pytest.raises(ValueError, match=message) as error:
        read_json(tmp_path / 'a.json')
    assert type(error.value) is ValueError


def test_json_that_cannot_be_opened(tmp_path):
    with pytest.raises(ValueError, match=r'not a JSON file: not a regular file'):
        read_json(tmp_path)


def test_json_is_written_and_read(tmp_path):
    content = {'ä': [1, 0.5, None, 'x']}
    write_json(tmp_path / 'new/a.json', content)
    write_json(tmp_path / 'new/b.json', content, indent=None)
    assert read_json(tmp_path / 'new/a.json') == read_json(tmp_path / 'new/b.json') == content
    assert (tmp_path / 'new/a.json').read_text().count('\n') == 7
    assert '\n' not in (tmp_path / 'new/b.json').read_text()


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_json_has_no_nan(tmp_path, value):
    path = tmp_path / 'a.json'
    path.write_text('old')
    with pytest.raises(ValueError, match=r'a\.json cannot be written as JSON: .*not JSON'):
        write_json(path, {'a': [value]})
    assert path.read_text() == 'old'
    assert names(tmp_path) == ['a.json']


def test_pipes_and_large_files_are_not_read(tmp_path):
    pipe = tmp_path / 'pipe.json'
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match='not a JSON file: not a regular file but a folder, pipe'):
        read_json(pipe)
    (tmp_path / 'a.bin').write_bytes(b'12345')
    assert read_bytes(tmp_path / 'a.bin', limit=5) == b'12345'
    with pytest.raises(ValueError, match='5 bytes long, at most 4 are read'):
        read_bytes(tmp_path / 'a.bin', limit=4)
