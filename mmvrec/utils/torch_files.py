"""Files of torch.save and torch.jit.save, read without running them.

Both hold a pickle and the bytes of its tensors. ``torch.jit.load`` runs the methods that an archive
brings along, as ``__setstate__``; here its modules are only looked into for their tensors.
"""

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from mmvrec.utils.files import read_bytes
from mmvrec.utils.pickles import Function, Inert, PlainDict, read_pickle

#: First bytes of a zip archive.
ZIP = b'PK\x03\x04'
#: Bytes that a file of weights may have.
MAX_BYTES = 2**34
#: What torch.save's format without archive begins with, and its version.
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
#: Modules and their attributes in a TorchScript archive, and their depth.
_MAX_ATTRIBUTES, _MAX_DEPTH = 2**20, 64
#: Dimensions that a tensor may have.
_MAX_DIMS = 64
_STORAGES = {
    'BFloat16Storage': torch.bfloat16,
    'BoolStorage': torch.bool,
    'ByteStorage': torch.uint8,
    'CharStorage': torch.int8,
    'DoubleStorage': torch.float64,
    'FloatStorage': torch.float32,
    'HalfStorage': torch.float16,
    'IntStorage': torch.int32,
    'LongStorage': torch.int64,
    'ShortStorage': torch.int16,
}


class Storage:
    """The values of one or several tensors.

    Args:
        dtype (torch.dtype): of the values.
        length (int): their number.
    """

    __slots__ = ('dtype', 'length', 'values')

    def __init__(self, dtype: object, length: object):
        if not isinstance(dtype, torch.dtype) or not _is_size(length):
            raise ValueError('it has a storage without type or length')
        self.dtype, self.length = dtype, length
        self.values: Tensor | None = None

    @property
    def num_bytes(self) -> int:
        """Its length in bytes."""
        return self.length * torch.empty(0, dtype=self.dtype).element_size()

    def fill(self, content: bytes) -> None:
        """Set the values.

        Raises:
            ValueError: these are more or less bytes.
        """
        if len(content) != self.num_bytes:
            raise ValueError(f'a storage has {len(content)} bytes, not {self.num_bytes}')
        # Copied, because torch shares the memory, and bytes must not change.
        values = torch.frombuffer(bytearray(content), dtype=self.dtype) if content else None
        self.values = torch.empty(0, dtype=self.dtype) if values is None else values


class PickledTensor:
    """A tensor, made when it is asked for: its values may follow the pickle."""

    __slots__ = ('_place', '_storage')

    def __init__(self, storage: object, offset: object, size: object, stride: object, *_: object):
        place = (offset, *size, *stride)
        if not isinstance(storage, Storage) or not all(map(_is_size, place)):
            raise ValueError('it has a tensor without storage or shape')
        if not len(size) == len(stride) <= _MAX_DIMS:
            raise ValueError('it has a tensor whose shape and strides do not fit')
        # Values are not repeated by strides of 0: a few bytes would make terabytes.
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if math.prod(size) and not (last < storage.length and math.prod(size) <= storage.length):
            raise ValueError(f'it has a tensor of shape {tuple(size)} that its storage lacks')
        self._storage, self._place = storage, (tuple(size), tuple(stride), offset)

    def __setstate__(self, state: object) -> None:
        raise ValueError('it would change a tensor')

    @property
    def value(self) -> Tensor:
        """The tensor.

        Raises:
            ValueError: its values are missing.
        """
        if self._storage.values is None:
            raise ValueError('it lacks the values of a tensor')
        if not math.prod(self._place[0]):
            return self._storage.values.new_empty(self._place[0])
        return self._storage.values.as_strided(*self._place)


#: What torch's pickles of tensors name.
TORCH_NAMES = {
    ('collections', 'OrderedDict'): PlainDict,
    ('collections', 'defaultdict'): Function(lambda *_: PlainDict()),
    ('torch._utils', '_rebuild_tensor'): Function(PickledTensor),
    ('torch._utils', '_rebuild_tensor_v2'): Function(PickledTensor),
    ('torch._utils', '_rebuild_parameter'): Function(lambda tensor, *_: tensor),
    ('torch._utils', '_rebuild_parameter_with_state'): Function(lambda tensor, *_: tensor),
    **{('torch', name): dtype for name, dtype in _STORAGES.items()},
}


def read_torch_file(path: str | Path) -> object:
    """Read a file of torch.save, or a TorchScript archive.

    Args:
        path (str | Path): the file, which exists.

    Returns:
        object: what is in it, with a :class:`PickledTensor` for every tensor and :class:`Inert` for
        what is not known; of TorchScript the tensors of its modules by name, those of attributes
        that are no parameters or buffers included.

    Raises:
        ValueError: it is damaged, or of another format.
    """
    with Path(path).open('rb') as file:
        is_archive = file.read(len(ZIP)) == ZIP
    if is_archive:
        return read_archive(Path(path))
    return read_torch_bytes(read_bytes(path, MAX_BYTES))


def read_torch_bytes(content: bytes) -> object:
    """Read what torch.save has written without an archive, as it does inside pickles.

    Raises:
        ValueError: it is damaged, or of another format.
    """
    storages: dict[object, Storage] = {}
    parts, end = [], 0
    for _ in range(5):
        part, end = read_pickle(
            content, TORCH_NAMES, end, lambda pid: _storage(pid, storages), Inert
        )
        parts.append(part)
    magic, protocol, system, state, keys = parts
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise ValueError('it is no file of torch.save')
    if not isinstance(system, dict) or not system.get('little_endian', True):
        raise ValueError('its numbers are not little-endian')
    if not isinstance(keys, list) or set(map(str, keys)) != set(storages):
        raise ValueError('the list of its storages is wrong')
    for key in map(str, keys):
        storage, begin = storages[key], end + 8
        if int.from_bytes(content[end:begin], 'little') != storage.length:
            raise ValueError('the length of a storage is wrong')
        end = begin + storage.num_bytes
        storage.fill(content[begin:end])
    return state


def _storage(pid: object, storages: dict[object, Storage]) -> Storage:
    """Get the storage that a persistent id names, by its key."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != 'storage' or any(pid[5:]):
        raise ValueError('it refers to something other than a storage')
    _, dtype, key, _, length = pid[:5]
    if not isinstance(key, str):
        raise ValueError('it has a storage without a name')
    if key not in storages:
        storages[key] = Storage(dtype, length)
    return storages[key]


def read_archive(path: Path) -> object:
    """Read an archive of torch.save or TorchScript; see :func:`read_torch_file`.

    Raises:
        ValueError: it is damaged.
    """
    storages: dict[object, Storage] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            records = _Records(archive, path.stat().st_size)
            if 'byteorder' in records and records.read('byteorder') != b'little':
                raise ValueError('its numbers are not little-endian')
            content = records.read('data.pkl')
            state, _ = read_pickle(content, TORCH_NAMES, 0, lambda p: _storage(p, storages), Inert)
            for key, storage in storages.items():
                storage.fill(records.read(f'data/{key}'))
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise ValueError(f'its archive is damaged: {error}') from error
    return dict(module_tensors(state)) if isinstance(state, Inert) else state


class _Records:
    """The records of an archive; torch compresses none of those that are read here.

    Args:
        archive (zipfile.ZipFile): with one folder at its top.
        size (int): bytes of the file, which all records together do not exceed.
    """

    def __init__(self, archive: zipfile.ZipFile, size: int):
        self._archive, self._left = archive, size
        self._infos = {info.filename.partition('/')[2]: info for info in archive.infolist()}

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    def read(self, name: str) -> bytes:
        if name not in self._infos:
            raise ValueError(f'it has no record {name}')
        info = self._infos[name]
        self._left -= info.file_size
        if info.compress_type != zipfile.ZIP_STORED or self._left < 0:
            raise ValueError(f'its record {name} is larger than the file')
        return self._archive.read(info)


def module_tensors(module: Inert) -> Iterator[tuple[str, PickledTensor]]:
    """Yield the tensors of a TorchScript module and of those in it, by name."""
    waiting, seen = [('', module)], 0
    while waiting:
        prefix, part = waiting.pop()
        attributes = part.state if isinstance(part.state, dict) else {}
        seen += len(attributes)
        if prefix.count('.') > _MAX_DEPTH or seen > _MAX_ATTRIBUTES:
            raise ValueError('its modules are nested too deeply')
        for name, value in attributes.items():
            if isinstance(value, PickledTensor):
                yield f'{prefix}{name}', value
            elif isinstance(value, Inert):
                waiting.append((f'{prefix}{name}.', value))


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62
