"""Pickles from elsewhere, read as data.

A pickle names functions and classes to be imported, called and changed. Here a name stands for what
the reader gives it and for nothing else: no module is imported, nothing of the process is called or
changed, and memory stays in proportion to the file.
"""

import io
import pickle
import pickletools
from collections.abc import Callable, Mapping

#: Instructions that a pickle may have; each makes one object at most.
MAX_INSTRUCTIONS = 2**24
#: Instructions that look names up by a number, in a table of the process.
_BY_NUMBER = ('EXT1', 'EXT2', 'EXT4')
_BYTES_OF_COUNT = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}


class Function:
    """What a pickle may call in the place of the function that it names.

    Args:
        function (Callable): gets the arguments that the pickle has, which may be anything.
    """

    __slots__ = ('_function',)

    def __init__(self, function: Callable):
        self._function = function

    def __call__(self, *arguments: object) -> object:
        """Call it."""
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        """Refuse: the next pickle is read by the same functions."""
        raise pickle.UnpicklingError('it would change a function')


class Inert:
    """Stands for a class, a function or an object that is not known, and does nothing."""

    __slots__ = ('state',)

    def __init__(self, *arguments: object, **named: object):
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __call__(self, *arguments: object) -> 'Inert':
        """What an unknown function gives is not known either."""
        return Inert()

    def __setitem__(self, key: object, value: object) -> None:
        """Leave out what an unknown mapping holds."""

    def extend(self, values: object) -> None:
        """Leave out what an unknown sequence holds."""


class PlainDict(dict):
    """Stands for ``OrderedDict``; attributes that a pickle would set are left out."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        pass


def read_pickle(
    content: bytes,
    names: Mapping[tuple[str, str], object],
    start: int = 0,
    storage: Callable[[object], object] | None = None,
    unknown: type | None = None,
) -> tuple[object, int]:
    """Read one pickle.

    Args:
        content (bytes): the pickle, with or without something before and after it.
        names (Mapping): what each (module, name) stands for: :class:`Function`, a type whose
            objects a pickle may change, or a constant.
        start (int): where the pickle begins. Defaults to 0.
        storage (Callable, optional): gives what a persistent id stands for. Defaults to None:
            there are none.
        unknown (type, optional): what any other name stands for. Defaults to None: an error.

    Returns:
        tuple[object, int]: what is pickled, and where the pickle ends.

    Raises:
        ValueError: it is damaged, too large, or names something else.
    """
    try:
        end = find_end(content, start)
        whole = start == 0 and end == len(content)
        stream = io.BytesIO(content if whole else content[start:end])
        return _Unpickler(stream, names, storage, unknown).load(), end
    # A damaged pickle raises whatever its bytes happen to ask for.
    except Exception as error:
        raise ValueError(f'not a pickle that can be read as data: {error}') from error


class _Unpickler(pickle.Unpickler):
    def __init__(
        self,
        stream: io.BytesIO,
        names: Mapping[tuple[str, str], object],
        storage: Callable[[object], object] | None,
        unknown: type | None,
    ):
        super().__init__(stream)
        self._names, self._storage, self._unknown = names, storage, unknown

    def find_class(self, module: str, name: str) -> object:
        stand_in = self._names.get((module, name), self._unknown)
        if stand_in is None:
            raise pickle.UnpicklingError(f'it would run {module}.{name}')
        return stand_in

    def persistent_load(self, pid: object) -> object:
        if self._storage is None:
            raise pickle.UnpicklingError('it refers to something outside the file')
        return self._storage(pid)


def instruction_sizes() -> tuple[list[int], dict[int, int], dict[int, int]]:
    """List for every instruction the bytes of its argument or of its count, or its lines."""
    fixed, counted, lines = [-1] * 256, {}, {}
    for opcode in pickletools.opcodes:
        code, size = ord(opcode.code), 0 if opcode.arg is None else opcode.arg.n
        if opcode.name in _BY_NUMBER:
            continue
        if size >= 0:
            fixed[code] = size
        elif size == pickletools.UP_TO_NEWLINE:
            lines[code] = 2 if opcode.arg.name.endswith('pair') else 1
        else:
            counted[code] = _BYTES_OF_COUNT[size]
    return fixed, counted, lines


_FIXED, _COUNTED, _LINES = instruction_sizes()
_STOP, _PUT, _BINPUT, _LONG_BINPUT, _MEMOIZE = (ord(code) for code in '.pqr\x94')


def find_end(content: bytes, start: int) -> int:
    """Find the end of a pickle, no instruction of which takes memory that the file does not have.

    Python's unpickler makes a table as long as the highest number under which an object is kept,
    some gigabytes for nine bytes. Picklers number objects one after the other.
    """
    position, kept, length, fixed = start, 0, len(content), _FIXED
    for _ in range(MAX_INSTRUCTIONS):
        if position >= length:
            raise ValueError('it is cut off')
        code = content[position]
        argument = position + 1
        size = fixed[code]
        if size >= 0:
            position = argument + size
        elif code in _COUNTED:
            position = argument + _COUNTED[code]
            position += int.from_bytes(content[argument:position], 'little')
        elif code in _LINES:
            position = argument
            for _ in range(_LINES[code]):
                position = content.index(b'\n', position) + 1
        else:
            raise ValueError(f'it has the instruction {code:#x}, which is not read')
        if code in (_BINPUT, _MEMOIZE):
            kept += 1
        elif code in (_LONG_BINPUT, _PUT):
            kept += 1
            number = content[argument:position]
            if (int(number) if code == _PUT else int.from_bytes(number, 'little')) > kept:
                raise ValueError('it keeps objects under numbers that no pickler gives')
        elif code == _STOP:
            return position
    raise ValueError(f'it has more than {MAX_INSTRUCTIONS} instructions')
