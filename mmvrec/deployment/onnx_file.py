"""An exported classifier in one ONNX file: its graph, and all else as metadata of the same file.

ONNX files are protocol buffers: of a model's fields 7 is the graph and 14 a pair of strings that
belongs to it. Two pairs hold JSON, ``mmvrec.info`` and ``mmvrec.arrays``; a third is the checksum
over both, and ``info`` holds that of the graph. The file is data: it names no other file, tensors
outside of it are refused, and nothing in it is built before all of it has been checked.

The standard library and NumPy alone: mmvrec-runtime has a copy of this file, to the byte.
"""

import base64
import hashlib
import json
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

FORMAT = 'mmvrec-onnx'
FORMAT_VERSION = 1
#: Bytes of a file, which protocol buffers limit, and of each of its texts.
MAX_BYTES, MAX_INFO_BYTES, MAX_ARRAY_BYTES = 2**31 - 1, 2**24, 2**30
_INFO, _ARRAYS, _CHECKSUM = 'mmvrec.info', 'mmvrec.arrays', 'mmvrec.sha256'
_METADATA = 14
_DTYPES = ('float32', 'float64', 'int64')
#: Of every message the fields that hold messages, and which: the ways to the tensors of a model.
_MESSAGES = {
    'model': {7: 'graph', 25: 'function'},
    'graph': {1: 'node', 5: 'tensor', 15: 'sparse'},
    'function': {7: 'node', 11: 'attribute'},
    'node': {5: 'attribute'},
    'attribute': {
        5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse'
    },
    'sparse': {1: 'tensor', 2: 'tensor'},
}  # fmt: skip
#: Fields of a tensor: the name of another file, and whether its values are there.
_EXTERNAL, _LOCATION = 13, 14
#: Bytes of numbers by their wire type.
_FIXED = {1: 8, 5: 4}
_MAX_DEPTH = 16


class Exported(NamedTuple):
    """What an exported file holds beside its graph.

    Args:
        info (dict): settings and names, types that JSON has; see :func:`write_exported`.
        arrays (dict[str, np.ndarray]): of the head and of the support.
    """

    info: dict
    arrays: dict[str, np.ndarray]


class _Field(NamedTuple):
    number: int
    begin: int
    content: int
    end: int


def write_exported(graph: str | Path, path: str | Path, exported: Exported) -> None:
    """Write the graph of an ONNX file with this metadata to another file.

    Args:
        graph (str | Path): an ONNX file; metadata that it has is left out.
        path (str | Path): the file to write, another one.
        exported (Exported): ``format``, ``version`` and ``graph_sha256`` are added to its info.

    Raises:
        ValueError: ``graph`` is damaged or has tensors outside of it, or there is too much.
    """
    with Path(graph).open('rb') as file, _mapped(file) as data:
        fields = [f for f in _fields(data, 0, len(data), str(graph)) if f.number != _METADATA]
        _refuse_external(data, str(graph))
        info = {
            **exported.info,
            'format': FORMAT,
            'version': FORMAT_VERSION,
            'graph_sha256': _digest(data, fields),
        }
        texts = {
            _INFO: json.dumps(info, allow_nan=False),
            _ARRAYS: json.dumps({k: _packed(v) for k, v in exported.arrays.items()}),
        }
        texts[_CHECKSUM] = _checksum(texts[_INFO], texts[_ARRAYS])
        size = sum(f.end - f.begin for f in fields) + sum(map(len, texts.values()))
        if size > MAX_BYTES - 2**10 or len(texts[_ARRAYS]) > MAX_ARRAY_BYTES:
            raise ValueError(
                f'{path} would have {size} bytes, more than an ONNX file may; export with '
                '--precision fp16, or enroll fewer instances'
            )
        with Path(path).open('wb') as out:
            with memoryview(data) as view:
                for field in fields:
                    out.write(view[field.begin : field.end])
            for key, text in texts.items():
                out.write(_entry(key, text))


def read_exported(path: str | Path) -> Exported:
    """Read what :func:`write_exported` has written, all of it checked.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no exported classifier, damaged, of another version, or has tensors
            outside of it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no exported model at {path}')
    if not 0 < Path(path).stat().st_size <= MAX_BYTES:
        raise ValueError(f'{path} is empty, or has more than {MAX_BYTES} bytes')
    with Path(path).open('rb') as file, _mapped(file) as data:
        fields = list(_fields(data, 0, len(data), str(path)))
        texts = dict(_pair(data, f, str(path)) for f in fields if f.number == _METADATA)
        if not {_INFO, _ARRAYS, _CHECKSUM} <= set(texts):
            raise ValueError(f'{path} is not a model that `mmvrec export` has written')
        if texts[_CHECKSUM] != _checksum(texts[_INFO], texts[_ARRAYS]):
            raise ValueError(f'{path} is damaged, the checksum of its metadata is wrong')
        try:
            info, packed = json.loads(texts[_INFO]), json.loads(texts[_ARRAYS])
            version = info['version']
            arrays = {name: _unpacked(entry) for name, entry in packed.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(
                f'{path} is damaged, its metadata cannot be read: {error!r}'
            ) from error
        if version != FORMAT_VERSION:
            raise ValueError(
                f'{path} has format version {str(version)[:20]}, this release reads '
                f'{FORMAT_VERSION}; export the model again, or install another mmvrec-runtime'
            )
        graph = [field for field in fields if field.number != _METADATA]
        if info.get('graph_sha256') != _digest(data, graph):
            raise ValueError(f'{path} is damaged, the checksum of its graph is wrong')
        _refuse_external(data, str(path))
    return Exported(info, arrays)


def _mapped(file) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _fields(data: mmap.mmap, begin: int, end: int, name: str) -> Iterator[_Field]:
    """The fields of a message of protocol buffers."""
    while begin < end:
        tag, content = _varint(data, begin, end, name)
        kind, last = tag & 7, end + 1
        if kind == 0:
            _, last = _varint(data, content, end, name)
        elif kind == 2:
            length, content = _varint(data, content, end, name)
            last = content + length
        elif kind in _FIXED:
            last = content + _FIXED[kind]
        if last > end:
            raise ValueError(f'{name} is damaged or not an ONNX file')
        yield _Field(tag >> 3, begin, content, last)
        begin = last


def _varint(data: mmap.mmap, place: int, end: int, name: str) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and the place behind it."""
    value = shift = 0
    while place < end and shift < 64:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
    raise ValueError(f'{name} is damaged or not an ONNX file')


def _refuse_external(data: mmap.mmap, name: str) -> None:
    """Refuse tensors whose values are in other files: a path could lead anywhere."""
    waiting = [('model', 0, len(data), 0)]
    while waiting:
        kind, begin, end, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise ValueError(f'{name} is damaged: its graphs are nested too deeply')
        inner = _MESSAGES.get(kind, {})
        for field in _fields(data, begin, end, name):
            elsewhere = field.number == _EXTERNAL or (
                field.number == _LOCATION and data[field.content] != 0
            )
            if kind == 'tensor' and elsewhere:
                raise ValueError(f'{name} has tensors in other files, which are not read')
            if field.number in inner:
                waiting.append((inner[field.number], field.content, field.end, depth + 1))


def _digest(data: mmap.mmap, fields: list[_Field]) -> str:
    digest = hashlib.sha256()
    with memoryview(data) as view:
        for field in fields:
            digest.update(view[field.begin : field.end])
    return digest.hexdigest()


def _checksum(info: str, arrays: str) -> str:
    parts = [FORMAT, *(hashlib.sha256(text.encode()).hexdigest() for text in (info, arrays))]
    return hashlib.sha256(' '.join(parts).encode()).hexdigest()


def _pair(data: mmap.mmap, field: _Field, name: str) -> tuple[str, str]:
    """Key and value of an entry of the metadata."""
    parts = {f.number: data[f.content : f.end] for f in _fields(data, *field[2:], name)}
    limits = {_INFO: MAX_INFO_BYTES, _ARRAYS: MAX_ARRAY_BYTES}
    try:
        key, value = (parts.get(number, b'').decode() for number in (1, 2))
    except UnicodeDecodeError as error:
        raise ValueError(f'{name} is damaged, its metadata is no text') from error
    if len(value) > limits.get(key, MAX_INFO_BYTES):
        raise ValueError(f'{name} is damaged, its metadata {key[:40]!r} is too long')
    return key, value


def _entry(key: str, value: str) -> bytes:
    content = b''.join(
        bytes([8 * number + 2]) + _as_varint(len(text)) + text
        for number, text in ((1, key.encode()), (2, value.encode()))
    )
    return bytes([8 * _METADATA + 2]) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _packed(array: np.ndarray) -> dict:
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {'dtype': str(array.dtype), 'shape': list(array.shape), 'data': data}


def _unpacked(entry: dict) -> np.ndarray:
    dtype, shape = entry['dtype'], entry['shape']
    if dtype not in _DTYPES or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError('an array of another type or shape')
    content = base64.b64decode(entry['data'], validate=True)
    array = np.frombuffer(content, np.dtype(dtype).newbyteorder('<')).reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError('an array with NaN or infinity')
    return array.astype(dtype, copy=False)
