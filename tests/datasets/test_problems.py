"""What problems of annotations lead to."""

import logging

import pytest

from mmvrec.datasets import problems
from mmvrec.datasets.problems import Problem, list_problems, raise_or_log

FATAL = Problem('a.json', 'part#1', 'it has no label')
ODDITY = Problem('b.csv', '', 'not used: no image', fatal=False)
NOTE = Problem('data', '', '2 boxes were cut', fatal=False, left_out=False)


@pytest.fixture
def logged(monkeypatch):
    lines = []
    monkeypatch.setattr(
        problems, 'print_log', lambda text, logger, level: lines.append((level, text))
    )
    return lines


def test_text_of_a_problem():
    assert str(FATAL) == 'a.json, part#1: it has no label'
    assert str(ODDITY) == 'b.csv: not used: no image'


def test_ten_are_listed_and_the_rest_counted():
    many = [Problem('a', str(i), 'bad') for i in range(12)]
    lines = list_problems(many).split('\n')
    assert lines[:10] == [f'  a, {i}: bad' for i in range(10)]
    assert lines[10:] == ['  … and 2 more (tools/misc/inspect_dataset.py)']
    assert list_problems(many[:10]).count('\n') == 9


def test_fatal_problems_refuse_the_dataset(logged):
    with pytest.raises(ValueError, match=r"^MTD in 'x': 1 problems\n  a\.json, part#1: it has"):
        raise_or_log([ODDITY, FATAL, NOTE], 'MTD', 'x', 'raise')
    assert not logged


@pytest.mark.parametrize(
    ('reported', 'on_problem', 'shown'),
    [
        ([ODDITY, NOTE], 'raise', '1 problems, the instances concerned are left out\n  b.csv: not'),
        ([FATAL, ODDITY], 'skip', '2 problems, the instances concerned are left out\n  a.json, p'),
    ],
)
def test_what_is_left_out_is_a_warning(logged, reported, on_problem, shown):
    raise_or_log(reported, 'MTD', 'x', on_problem)
    level, text = logged[0]
    assert level == logging.WARNING
    assert text.startswith(f"MTD in 'x': {shown}")
    assert logged[1:] == [(logging.INFO, f'MTD: {NOTE}')] * (NOTE in reported)


def test_no_problem_is_not_logged(logged):
    raise_or_log([], 'MTD', 'x', 'raise')
    assert not logged
