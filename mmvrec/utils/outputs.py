"""Output files: portable names that differ, and no overwriting of inputs."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from zlib import crc32

#: Bytes of a part of a name. File systems allow 255, and temporary files have longer names.
_MAX_BYTES = 150
#: What Windows allows in no file name, the separators of both systems among it.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_DEVICES = re.compile(r'(con|prn|aux|nul|com\d|lpt\d)(\..*)?', re.IGNORECASE)


def output_names(files: Sequence[str | Path | None], unnamed: str = 'array') -> list[str]:
    """Names, without suffix, of what is written about files.

    Args:
        files (Sequence[str | Path | None]): the files; None where there is none.
        unnamed (str): what the latter are called, with their number. Defaults to ``array``.

    Returns:
        list[str]: the stem of every file behind the folders in which it lies below the folder that
        is common to all; with the suffix where stems meet (``x_png``, ``x_jpg``), with a number
        where that is not enough. No two differ only in case, and each can be written on any system.
    """
    paths = [None if file is None else Path(os.path.abspath(file)) for file in files]
    folders_of = [path.parts[:-1] for path in paths if path is not None]
    # Of parts, not of letters; other than commonpath, it knows what files of two drives share.
    common = len(os.path.commonprefix(folders_of))  # noqa: RUF071
    width = len(str(len(files) - 1))
    stems, whole = [], []
    for index, path in enumerate(paths):
        if path is None:
            stems.append(f'{unnamed}_{index:0{width}d}')
            whole.append(stems[-1])
            continue
        folders = [_portable(part, folder=True) for part in path.parts[common:-1]]
        names = path.stem, f'{path.stem}_{path.suffix[1:]}'
        for kind, name in zip((stems, whole), names, strict=True):
            kind.append('/'.join([*folders, _portable(name)]))
    numbers = Counter(map(_key, stems))
    names = [s if numbers[_key(s)] == 1 else w for s, w in zip(stems, whole, strict=True)]
    return number_repeated(names)


def _portable(name: str, folder: bool = False) -> str:
    """Make a part of a name that every system can write, within the length that all allow."""
    safe = _FORBIDDEN.sub('_', name).rstrip('. ') or '_'
    if _DEVICES.fullmatch(safe):
        safe = f'_{safe}'
    # A folder called like a picture could stand in the way of one.
    if folder and safe.lower().endswith(('.png', '.json')):
        safe += '_'
    data = os.fsencode(safe)
    if len(data) <= _MAX_BYTES:
        return safe
    # The digest keeps names apart that begin alike.
    start = data[: _MAX_BYTES - 9].decode('utf-8', errors='ignore')
    return f'{start}_{crc32(data):08x}'


def number_repeated(names: Sequence[str]) -> list[str]:
    """Number names that a file system may take for one before them: ``a``, ``a_1``, ``A_2``."""
    taken: set[str] = set()
    following: Counter[str] = Counter()
    unique = []
    for name in names:
        candidate = name
        while _key(candidate) in taken:
            following[_key(name)] += 1
            candidate = f'{name}_{following[_key(name)]}'
        taken.add(_key(candidate))
        unique.append(candidate)
    return unique


def _key(name: str) -> str:
    """Fold a name so that those are equal that a file system may take for one."""
    return unicodedata.normalize('NFC', name).casefold()


def refuse_overwriting(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Raise ``ValueError`` where a file that is to be written is one that is read.

    Args:
        outputs (Iterable[str | Path]): files that need not exist.
        inputs (Iterable[str | Path]): files that need not exist.
    """
    read = {identity for path in inputs if (identity := _identity(path)) is not None}
    for path in outputs:
        if _identity(path) in read:
            raise ValueError(f'{path} is read, so it cannot be written; name another file')


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Identify a file, the same by all of its names; None where there is none."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
