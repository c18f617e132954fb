"""Dataclasses from JSON of any origin."""

import json
from dataclasses import asdict, dataclass

import pytest

from mmvrec.utils.plain import MAX_TEXT, from_plain


@dataclass(frozen=True)
class Part:
    name: str
    share: float


@dataclass(frozen=True)
class Whole:
    count: int
    is_new: bool
    part: Part | None
    parts: tuple[Part, ...]
    pair: tuple[float, float]
    by_name: dict[str, Part]


WHOLE = Whole(3, True, None, (Part('a', 0.5), Part('b', 1.0)), (1.5, 2.0), {'c': Part('d', 0.0)})
PLAIN = json.loads(json.dumps(asdict(WHOLE)))


def test_what_was_written_is_read():
    assert from_plain(Whole, PLAIN) == WHOLE
    assert from_plain(Whole, PLAIN | {'part': {'name': 'x', 'share': 1}}).part == Part('x', 1.0)
    assert isinstance(from_plain(Part, {'name': 'x', 'share': 1}).share, float)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'count': 1.5}, 'it.count must be int, got float'),
        ({'count': True}, 'it.count must be int, got bool'),
        ({'count': 10**400}, 'it.count is too long, too large or not finite'),
        ({'is_new': 1}, 'it.is_new must be bool'),
        ({'pair': [1.0]}, r'it.pair must have 2 entries, got 1'),
        ({'pair': [1.0, float('nan')]}, r'it.pair\[1\] is too long, too large or not finite'),
        ({'parts': [{'name': 'x'}]}, r'it.parts\[0\] must have name, share, and nothing else'),
        ({'parts': {}}, 'it.parts must be a list'),
        ({'by_name': []}, 'it.by_name must be an object'),
        ({'by_name': {'k': 1}}, r"it.by_name\['k'\] must have name, share"),
        ({'part': {'name': 'x' * (MAX_TEXT + 1), 'share': 0}}, 'it.part.name is too long'),
        ({'more': 1}, 'it must have count, is_new'),
    ],
)
def test_anything_else_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        from_plain(Whole, PLAIN | change, 'it')
