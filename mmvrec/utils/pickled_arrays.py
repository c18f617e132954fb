"""NumPy arrays and torch tensors inside pickles, made without NumPy's own functions.

A pickle may set the flags of a ``numpy.dtype``, after which NumPy takes numbers for addresses of
objects; so types, arrays and numbers are made here from what the pickle says about them.
"""

import math
import re

import numpy as np

from mmvrec.utils.arrays import as_array
from mmvrec.utils.pickles import Function
from mmvrec.utils.torch_files import TORCH_NAMES, PickledTensor, read_torch_bytes

#: Numbers, and text of up to 9999 characters.
_TYPES = re.compile(r'b1|[iu][1248]|f[248]|[SU]\d{1,4}')
#: Dimensions that an array may have.
_MAX_DIMS = 32


class PickledDType:
    """Stands for ``numpy.dtype``.

    Args:
        code (object): what the pickle has, as ``f8``.

    Raises:
        ValueError: it is none of numbers or text.
    """

    __slots__ = ('order', 'type')

    def __init__(self, code: object, *_: object):
        if not isinstance(code, str) or not _TYPES.fullmatch(code):
            raise ValueError('it has an array of another type than numbers and text')
        self.type, self.order = code, '='

    def __setstate__(self, state: object) -> None:
        """Take the byte order; what else there is belongs to types with fields."""
        _, order, *fields = state
        if order not in ('<', '>', '=', '|') or any(field is not None for field in fields[:3]):
            raise ValueError('it has an array of a type with fields')
        self.order = order

    @property
    def value(self) -> np.dtype:
        """The type."""
        return np.dtype(self.type).newbyteorder(self.order)


class _Array:
    __slots__ = ('value',)

    def __init__(self, *_: object):
        self.value = np.empty(0)

    def __setstate__(self, state: object) -> None:
        _, shape, dtype, is_fortran, content = state
        self.value = array_of(content, dtype, shape, 'F' if is_fortran else 'C')


def array_of(
    content: object, dtype: object, shape: object, order: object, *_: object
) -> np.ndarray:
    """Make an array of what a pickle says about it.

    Args:
        content (object): bytes.
        dtype (object): a :class:`PickledDType`.
        shape (object): a tuple of integers.
        order (object): ``F``, or anything else for C.

    Raises:
        ValueError: they are not, or do not fit together.
    """
    if not isinstance(content, bytes | bytearray) or not isinstance(dtype, PickledDType):
        raise ValueError('it has an array without type or values')
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError('it has an array without shape')
    kind = dtype.value
    if len(shape) > _MAX_DIMS or math.prod(shape) * kind.itemsize != len(content):
        raise ValueError(f'it has an array of shape {shape[:8]} that its values do not fill')
    return np.frombuffer(content, kind).reshape(shape, order='F' if order == 'F' else 'C')


def _from_buffer(*arguments: object) -> _Array:
    array = _Array()
    array.value = array_of(*arguments)
    return array


def _scalar(dtype: object, content: object = None) -> float | int | bool | str | bytes:
    return array_of(content, dtype, (), 'C').item()


def encode_latin1(text: str, encoding: str) -> bytes:
    """Make bytes of the protocols 0 to 2; another encoding would be looked for among modules."""
    if encoding != 'latin1':
        raise ValueError('it would load an encoding')
    return text.encode('latin1')


def empty_bytes(*arguments: object) -> bytes:
    """Make empty bytes of the protocols 0 to 2; a number would be a length."""
    if arguments:
        raise ValueError('it would take memory')
    return b''


#: What the pickles of MMDetection's ``tools/test.py --out`` are made of, and nothing else.
DETECTION_NAMES = {
    **TORCH_NAMES,
    ('__builtin__', 'bytes'): Function(empty_bytes),
    ('_codecs', 'encode'): Function(encode_latin1),
    ('numpy', 'dtype'): Function(PickledDType),
    ('numpy', 'ndarray'): 'numpy.ndarray',
    ('numpy._core.multiarray', '_reconstruct'): Function(_Array),
    ('numpy._core.multiarray', 'scalar'): Function(_scalar),
    ('numpy._core.numeric', '_frombuffer'): Function(_from_buffer),
    ('numpy.core.multiarray', '_reconstruct'): Function(_Array),
    ('numpy.core.multiarray', 'scalar'): Function(_scalar),
    ('numpy.core.numeric', '_frombuffer'): Function(_from_buffer),
    ('torch', 'Size'): Function(lambda sizes=(): tuple(sizes)),
    ('torch.storage', '_load_from_bytes'): Function(read_torch_bytes),
}


def pickled_array(value: object) -> object:
    """Get the array that a pickle's array or tensor stands for; anything else as it is.

    Raises:
        ValueError: the values of a tensor are missing.
    """
    if isinstance(value, PickledTensor):
        return as_array(value.value)
    return value.value if isinstance(value, _Array) else value


def as_numbers(value: object) -> np.ndarray:
    """Numbers of a pickle that was read with :data:`DETECTION_NAMES`.

    Args:
        value (object): an array, a tensor, or a list of numbers or of lists of numbers.

    Returns:
        np.ndarray: float64.

    Raises:
        ValueError: it is none of these.
    """
    value = pickled_array(value)
    if isinstance(value, np.ndarray):
        return value.astype(np.float64)
    # Not left to NumPy: lists that hold each other many times would fill the memory.
    rows = value if isinstance(value, list) else [value]
    numbers = [n for row in rows for n in (row if isinstance(row, list | tuple) else [row])]
    if not all(isinstance(n, float | int) for n in numbers):
        raise ValueError('boxes and scores must be arrays, tensors or lists of numbers')
    return np.array(numbers, np.float64)
