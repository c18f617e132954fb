"""Dataclasses from JSON of any origin."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from types import NoneType, UnionType
from typing import Union, get_args, get_origin, get_type_hints

#: Characters of a text, entries of a list or mapping, and the greatest number.
MAX_TEXT, MAX_ENTRIES, MAX_NUMBER = 4096, 2**20, 1e12


def from_plain(kind: object, value: object, name: str = 'the value') -> object:
    """Read what ``json.dumps(asdict(value))`` has written of a dataclass; nothing is believed.

    Args:
        kind (object): bool, int, float, str, a dataclass whose fields have such types, ``tuple[X,
            …]`` of one or several types, ``dict[str, X]``, or an optional one of these.
        value (object): as JSON has it.
        name (str): what the message calls it. Defaults to ``the value``.

    Returns:
        object: of that kind.

    Raises:
        ValueError: a field is missing, unknown, or of another type; a number is not finite, or
            anything is larger than anybody needs.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in parts:
            return None
        (kind,) = (part for part in parts if part is not NoneType)
        return from_plain(kind, value, name)
    if is_dataclass(kind):
        return _read_dataclass(kind, value, name)
    if origin is dict:
        if not isinstance(value, Mapping) or len(value) > MAX_ENTRIES:
            raise ValueError(f'{name} must be an object of at most {MAX_ENTRIES} entries')
        return {
            from_plain(str, key, f'a key of {name}'): from_plain(parts[1], own, f'{name}[{key!r}]')
            for key, own in value.items()
        }
    if origin is tuple:
        return _read_tuple(parts, value, name)
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or (kind is not bool and isinstance(value, bool)):
        raise ValueError(f'{name} must be {kind.__name__}, got {type(value).__name__}')
    if isinstance(value, str):
        is_usual = len(value) <= MAX_TEXT
    else:
        # Compared first: an integer may be too large for a float.
        is_usual = abs(value) <= MAX_NUMBER and isfinite(value)
    if not is_usual:
        raise ValueError(f'{name} is too long, too large or not finite')
    return kind(value)


def _read_dataclass(kind: type, value: object, name: str) -> object:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    if not isinstance(value, Mapping) or set(value) != set(names):
        raise ValueError(f'{name} must have {", ".join(names)}, and nothing else')
    return kind(**{own: from_plain(hints[own], value[own], f'{name}.{own}') for own in names})


def _read_tuple(parts: tuple, value: object, name: str) -> tuple:
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        raise ValueError(f'{name} must be a list of at most {MAX_ENTRIES} entries')
    if parts[-1] is Ellipsis:
        parts = parts[:1] * len(value)
    if len(parts) != len(value):
        raise ValueError(f'{name} must have {len(parts)} entries, got {len(value)}')
    return tuple(
        from_plain(part, own, f'{name}[{k}]')
        for k, (part, own) in enumerate(zip(parts, value, strict=True))
    )
