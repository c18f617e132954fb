"""Files of NumPy arrays that come from elsewhere, read in no more memory than they fill."""

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

#: An npz file may expand to so many bytes, or to so many times its size. Features are floats that
#: hardly compress (np.savez does not even try): a bank of 100 000 instances, 8 GB, expands to less
#: than twice its size, and ids and tasks, which do compress, are small beside them.
_SMALL = 2**28
_MOST_EXPANSION = 16
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: str | Path, needed: Sequence[str]) -> dict[str, np.ndarray]:
    """Read all arrays of an npz file, without pickled objects.

    Args:
        path (str | Path): the file, which exists.
        needed (Sequence[str]): fields that it must have.

    Returns:
        dict[str, np.ndarray]: by field.

    Raises:
        ValueError: the file is damaged, expands to far more than its size, or a field is missing.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = Path(path).stat().st_size
            expanded = sum(member.file_size for member in archive.infolist())
            if expanded > max(_SMALL, _MOST_EXPANSION * size):
                raise ValueError(f'its {size} bytes expand to {expanded}, as no features do')
            data = {}
            for member in archive.infolist():
                with archive.open(member) as file:
                    data[member.filename.removesuffix('.npy')] = _read_array(file, member.file_size)
    # Damaged archives and headers raise whatever their parsers stumble over.
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
            return _read_array(file, Path(path).stat().st_size)
    except Exception as error:
        raise ValueError(f'{path} is not a readable npy file: {error}') from error


def _read_array(file: BinaryIO, size: int) -> np.ndarray:
    """Read an array of at most ``size`` bytes; NumPy alone allocates what a header declares."""
    version = np.lib.format.read_magic(file)
    read_array_header = _HEADER_READERS.get(version)
    if read_array_header is None:
        raise ValueError(f'version {version} of the format is not read')
    shape, _, dtype = read_array_header(file)
    # An element of no bytes would count for nothing. Objects NumPy refuses.
    if not dtype.hasobject and math.prod(shape) * max(dtype.itemsize, 1) > size:
        raise ValueError(f'its header declares {dtype} of shape {shape}, in {size} bytes')
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)
