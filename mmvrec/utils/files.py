"""Files and folders: written whole or not at all, and identified by their content."""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp, mkstemp

import numpy as np

_CHUNK = 2**20
#: Bytes that a file of annotations or detections may have.
MAX_BYTES = 2**30


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``, renamed to it when the block ends well.

    Args:
        path (str | Path): the file to write; its folder is created.

    Yields:
        Path: the temporary file to write to. It is removed when the block raises.

    Raises:
        ValueError: no file can be written there, see :func:`check_output`.
    """
    check_output(path)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept: several writers choose their format by it.
    descriptor, name = mkstemp(prefix=f'.{path.stem}.', suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        _give_rights(temporary, 0o666)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_output(path: str | Path) -> None:
    """Say before the work is done that its result cannot be written.

    Raises:
        ValueError: ``path`` is a folder, lies in a file, or in a folder that is not writable.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f'{path} is a folder; name a file to write')
    parent = next(p for p in path.absolute().parents if p.exists())
    if not parent.is_dir():
        raise ValueError(f'{path} cannot be written: {parent} is no folder')
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ValueError(f'{path} cannot be written: the folder {parent} is write-protected')


def read_bytes(path: str | Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a file that comes from elsewhere.

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

    Args:
        path (str | Path): the folder to make; the folders above it are created.

    Yields:
        Path: the temporary folder to write to. It is removed when the block raises.

    Raises:
        ValueError: see :func:`check_unused`.
    """
    path = Path(path)
    check_unused(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(mkdtemp(prefix=f'.{path.name}.', dir=path.parent))
    try:
        yield temporary
        _give_rights(temporary, 0o777)
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


def _give_rights(path: Path, mode: int) -> None:
    # Temporary files allow only the owner; a finished one has the rights of any other file.
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(mode & ~umask)


def read_npz(path: str | Path, needed: Sequence[str]) -> dict[str, np.ndarray]:
    """Read all arrays of an npz file, without pickled objects.

    Args:
        path (str | Path): the file, which exists.
        needed (Sequence[str]): fields that it must have.

    Returns:
        dict[str, np.ndarray]: by field.

    Raises:
        ValueError: the file is damaged, or a field is missing.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {key: file[key] for key in file.files}
    except Exception as error:
        raise ValueError(f'{path} is not a readable npz file: {error}') from error
    missing = [key for key in needed if key not in data]
    if missing:
        raise ValueError(f'{path}: fields {missing} are missing, the file has {sorted(data)}')
    return data


def read_npy(path: str | Path) -> np.ndarray:
    """Read the array of an npy file, without pickled objects.

    Args:
        path (str | Path): the file, which exists.

    Raises:
        ValueError: the file is damaged, of another format, or holds Python objects.
    """
    try:
        with Path(path).open('rb') as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:
        raise ValueError(f'{path} is not a readable npy file: {error}') from error


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
