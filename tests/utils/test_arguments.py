"""Arguments of command lines."""

import argparse

import pytest

from mmvrec.utils.arguments import KeyValueAction


def parse(*arguments: str) -> dict:
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='+', action=KeyValueAction, default={})
    return parser.parse_args(arguments).options


VALUES = {
    'split=support': 'support',
    'seed=3': 3,
    'area=0.5': 0.5,
    'skip=True': True,
    'ann_file=None': None,
    'classes=dent,scratch': ['dent', 'scratch'],
    'classes=[a,b]': ['a', 'b'],
    'size=(1,2)': (1, 2),
    'name=a=b': 'a=b',
    'data_prefix=my images/all of them': 'my images/all of them',
    'empty=': '',
}


@pytest.mark.parametrize(('pair', 'value'), VALUES.items())
def test_values(pair, value):
    assert parse('--options', pair) == {pair.split('=')[0]: value}


def test_pairs_add_up():
    assert parse('--options', 'a=1', 'b=2', '--options', 'c=3') == {'a': 1, 'b': 2, 'c': 3}
    assert parse() == {}


BAD = {
    'no pair': (['a=1', 'support'], "expected KEY=VALUE, got 'support'"),
    'no key': (['=support'], "expected KEY=VALUE, got '=support'"),
    'twice': (['a=1', 'a=2'], 'a is given twice'),
    'twice, apart': (['a=1', '--options', 'a=2'], 'a is given twice'),
    'brackets': (['a=(1,[2'], 'the value of a cannot be read: Imbalanced brackets'),
    'depth': (['a=' + '[' * 2000 + ']' * 2000], 'the value of a cannot be read: '),
}


@pytest.mark.parametrize(('arguments', 'message'), BAD.values(), ids=BAD)
def test_bad_pairs(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        parse('--options', *arguments)
    assert caught.value.code == 2
    assert f'error: argument --options: {message}' in capsys.readouterr().err
