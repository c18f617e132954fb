"""Safetensors files that are written row by row, in the memory of a few rows."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from mmvrec.utils.files import atomic_write

#: Names of types in the format.
_TYPES = {torch.float32: 'F32', torch.float16: 'F16'}
_CHUNK = 2**20


def write_rows(
    path: str | Path,
    name: str,
    shape: Sequence[int],
    dtype: torch.dtype,
    blocks: Iterable[tuple[Sequence[int], Tensor]],
    metadata: Mapping[str, str],
) -> str:
    """Write a file of one tensor whose rows come in any order; it appears whole or not at all.

    The bytes depend on the tensor, its name and the metadata alone, not on how rows come in blocks.

    Args:
        path (str | Path): the file to write; its folder is created.
        name (str): of the tensor.
        shape (Sequence[int]): of the tensor.
        dtype (torch.dtype): ``torch.float32`` or ``torch.float16``.
        blocks (Iterable): positions of rows, and these rows, of that type; every row comes.
        metadata (Mapping[str, str]): what else the file says; ``sha256`` is added, as
            :func:`mmvrec.utils.checksums.tensor_sha256` computes it of the tensor.

    Returns:
        str: this SHA-256.

    Raises:
        ValueError: it cannot be written, or a row is missing.
        OSError: the disk is full.
    """
    # As long as the real one, which is known once all has been written.
    head = _header(name, shape, dtype, {**metadata, 'sha256': '0' * 64})
    missing = np.ones(shape[0], bool)
    with atomic_write(path) as temporary, temporary.open('r+b') as file:
        file.write(head)
        for rows, values in blocks:
            missing[list(rows)] = False
            _write_block(file, len(head), rows, values)
        if missing.any():
            raise ValueError(f'{missing.sum()} of {len(missing)} rows have not been written')
        file.seek(len(head))
        digest = hashlib.sha256(f'{dtype} {tuple(shape)}'.encode())
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        file.seek(0)
        file.write(_header(name, shape, dtype, {**metadata, 'sha256': digest.hexdigest()}))
    return digest.hexdigest()


def _header(name: str, shape: Sequence[int], dtype: torch.dtype, metadata: Mapping) -> bytes:
    """Length and JSON, https://github.com/huggingface/safetensors#format."""
    size = int(np.prod(shape)) * dtype.itemsize
    facts = {'dtype': _TYPES[dtype], 'shape': [*shape], 'data_offsets': [0, size]}
    content = {'__metadata__': dict(sorted(metadata.items())), name: facts}
    text = json.dumps(content, separators=(',', ':')).encode()
    # The values begin at a multiple of eight bytes.
    text += b' ' * (-len(text) % 8)
    return len(text).to_bytes(8, 'little') + text


def _write_block(file: BinaryIO, start: int, rows: Sequence[int], values: Tensor) -> None:
    """Write rows to their places; those that follow one another at once."""
    places = np.asarray(rows)
    size = values[0].numel() * values.element_size()
    ends = [*(np.flatnonzero(np.diff(places) != 1) + 1).tolist(), len(places)]
    first = 0
    for end in ends:
        file.seek(start + int(places[first]) * size)
        file.write(values[first:end].contiguous().numpy().data)
        first = end
