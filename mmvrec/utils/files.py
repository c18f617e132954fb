"""Files and folders: written whole or not at all, and identified by their content."""

import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: what killed writers leave stays there.
    fcntl = None

_CHUNK = 2**20
#: In the name of every temporary file and folder.
_MARK = '.mmvrec-'
#: Bytes that a file of annotations or detections may have.
MAX_BYTES = 2**30


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``, renamed to it when the block ends well.

    What writers that were killed have left in the folder is removed.

    Args:
        path (str | Path): the file to write; its folder is created.

    Yields:
        Path: the temporary file to write to. It is removed when the block raises.

    Raises:
        ValueError: no file can be written there, see :func:`check_output`.
    """
    check_output(path)
    path = Path(path)
    # The suffix is kept: several writers choose their format by it.
    with _temporary(
        path.parent, path.stem, path.suffix, partial(Path.touch, exist_ok=False)
    ) as temporary:
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _temporary(
    folder: Path, stem: str, suffix: str, make: Callable[[Path], None]
) -> Iterator[Path]:
    """Make a hidden file or folder, locked: the lock of a process that is killed is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    while True:
        temporary = folder / f'.{stem}{_MARK}{secrets.token_hex(4)}{suffix}'
        make(temporary)
        lock = _lock(temporary)
        # Another writer may have taken it for abandoned before it was locked.
        if temporary.exists():
            break
        _unlock(lock)
    try:
        yield temporary
    finally:
        _unlock(lock)


def remove_abandoned(folder: Path) -> None:
    """Remove temporary files and folders of writers that have been killed."""
    with os.scandir(folder) as entries:
        marked = [Path(e.path) for e in entries if e.name.startswith('.') and _MARK in e.name]
    for path in marked:
        lock = _lock(path, wait=False)
        # The writer lives, or is done just now.
        if lock is None:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        _unlock(lock)


def _lock(path: Path, wait: bool = True) -> int | None:
    """Lock a file or folder; None where it is not there, locked already, or cannot be."""
    if fcntl is None:
        return None
    descriptor = None
    try:
        mode = os.O_RDONLY if path.is_dir() else os.O_RDWR
        descriptor = os.open(path, mode | os.O_NOFOLLOW)
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        _unlock(descriptor)
        return None
    return descriptor


def _unlock(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


@contextmanager
def sole_writer(folder: str | Path) -> Iterator[bool]:
    """Lock a folder, which is made, while the block runs; the lock of a killed process is gone.

    Args:
        folder (str | Path): where the block writes several files that belong together.

    Yields:
        bool: whether no other process has locked it; always where the system has no locks.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder, wait=False)
    try:
        yield lock is not None or fcntl is None
    finally:
        _unlock(lock)


def check_output(path: str | Path) -> None:
    """Say before the work is done that its result cannot be written.

    Raises:
        ValueError: ``path`` is a folder or device, lies in a file, or in a folder that is not
            writable.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f'{path} is a folder; name a file to write')
    if path.exists() and not path.is_file():
        raise ValueError(f'{path} is a device or pipe, which would be replaced; name a file')
    _check_writable(path, path.absolute().parents)


def check_output_folder(folder: str | Path) -> None:
    """Say before the work is done that nothing can be written to a folder, which need not exist.

    Raises:
        ValueError: it is a file, lies in one, or is or would be in a folder that is not writable.
    """
    folder = Path(folder)
    _check_writable(folder, (folder.absolute(), *folder.absolute().parents))


def _check_writable(path: Path, folders: Sequence[Path]) -> None:
    parent = next(folder for folder in folders if folder.exists())
    if not parent.is_dir():
        raise ValueError(f'{path} cannot be written: {parent} is no folder')
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ValueError(f'{path} cannot be written: the folder {parent} is write-protected')


def read_bytes(path: str | Path, limit: int = MAX_BYTES) -> bytes:
    """Read the content of a file that comes from elsewhere.

    Args:
        path (str | Path): the file.
        limit (int): bytes that it may have. Defaults to 1 GiB.

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: it is no regular file, such as a pipe or device, which would be read for ever,
            or it is larger. The caller names the file.
    """
    status = Path(path).stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError('not a regular file but a folder, pipe or device')
    if status.st_size > limit:
        raise ValueError(f'{status.st_size} bytes long, at most {limit} are read')
    return Path(path).read_bytes()


def read_json(path: str | Path) -> object:
    """Read a JSON file in UTF-8, UTF-16 or UTF-32, with or without byte order mark.

    Raises:
        ValueError: it cannot be read, is no JSON, or nested too deeply. The caller names the file.
    """
    try:
        return json.loads(read_bytes(path))
    except RecursionError as error:
        raise ValueError('not a JSON file that can be read: it is nested too deeply') from error
    except (ValueError, OSError) as error:
        raise ValueError(f'not a JSON file: {error}') from error


def write_json(path: str | Path, content: Mapping | Sequence, indent: int | None = 1) -> None:
    """Write a JSON file, whole or not at all.

    Args:
        path (str | Path): the file to write; its folder is created.
        content (Mapping | Sequence): what to write.
        indent (int, optional): see :func:`json.dumps`. Defaults to 1.

    Raises:
        ValueError: it cannot be written, or there is NaN or infinity in it, which JSON has not.
    """
    try:
        text = json.dumps(content, indent=indent, allow_nan=False)
    except ValueError as error:
        raise ValueError(f'{path} cannot be written as JSON: {error}') from error
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding='utf-8')


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path``, renamed to it when the block ends well.

    What writers that were killed have left beside it is removed.

    Args:
        path (str | Path): the folder to make; the folders above it are created.

    Yields:
        Path: the temporary folder to write to. It is removed when the block raises.

    Raises:
        ValueError: see :func:`check_unused`.
    """
    path = Path(path)
    check_unused(path)
    with _temporary(path.parent, path.name, '', Path.mkdir) as temporary:
        try:
            yield temporary
            # Windows does not rename onto a folder, be it empty.
            if path.is_dir():
                path.rmdir()
            temporary.rename(path)
        finally:
            if temporary.is_dir():
                shutil.rmtree(temporary)


def check_unused(folder: str | Path) -> None:
    """Raise ``ValueError`` unless ``folder`` does not exist or is empty."""
    folder = Path(folder)
    empty = folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
    if os.path.lexists(folder) and not empty:
        raise ValueError(f'{folder} exists already; name a folder that does not, or an empty one')


def sha256_file(path: str | Path) -> str:
    """Hash a file's bytes (SHA-256), hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
