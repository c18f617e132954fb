"""Command lines for MMPretrain's own scripts."""

import sys

import pytest
from mmengine.config import DictAction

from mmvrec.utils import stock_tools
from mmvrec.utils.resources import config_file
from mmvrec.utils.stock_tools import run_stock_test, run_stock_train, stock_test_arguments

NAME = 'mvrec/zipa_5shot_synthetic.py'
CONFIG = str(config_file(NAME))
PROTOCOL = ['--cfg-options', 'load_from=None']

# What the user writes; what the stock script gets.
CASES = {
    'config only': ([NAME], [CONFIG, 'none', *PROTOCOL]),
    'config as a path': ([CONFIG], [CONFIG, 'none', *PROTOCOL]),
    'checkpoint': ([NAME, 'a.pth'], [CONFIG, 'a.pth']),
    'no checkpoint, named': ([NAME, 'none', '--amp'], [CONFIG, 'none', '--amp', *PROTOCOL]),
    'checkpoint after options': (
        [NAME, '--work-dir', 'w', 'a.pth'],
        [CONFIG, 'a.pth', '--work-dir', 'w'],
    ),
    'options before the config': (
        ['--work-dir', 'w', NAME],
        [CONFIG, 'none', '--work-dir', 'w', *PROTOCOL],
    ),
    'flags': ([NAME, '--amp', '--tta'], [CONFIG, 'none', '--amp', '--tta', *PROTOCOL]),
    'flag before the checkpoint': ([NAME, '--amp', 'a.pth'], [CONFIG, 'a.pth', '--amp']),
    'output': (
        [NAME, '--out', 'm.json', '--out-item', 'metrics'],
        [CONFIG, 'none', '--out', 'm.json', '--out-item', 'metrics', *PROTOCOL],
    ),
    'equals sign': (
        [NAME, '--out=m.json', '--launcher=none'],
        [CONFIG, 'none', '--out', 'm.json', '--launcher', 'none', *PROTOCOL],
    ),
    'pictures': (
        [NAME, 'a.pth', '--show-dir', 'd', '--interval', '5', '--wait-time', '0.5'],
        [CONFIG, 'a.pth', '--show-dir', 'd', '--interval', '5', '--wait-time', '0.5'],
    ),
    'overrides': (
        [NAME, '--cfg-options', 'a=1', 'b.c=x y'],
        [CONFIG, 'none', '--cfg-options', 'a=1', 'b.c=x y', 'load_from=None'],
    ),
    'overrides with a checkpoint': (
        [NAME, 'a.pth', '--cfg-options', 'a=1'],
        [CONFIG, 'a.pth', '--cfg-options', 'a=1'],
    ),
    'overrides given twice': (
        [NAME, 'a.pth', '--cfg-options', 'a=1', '--amp', '--cfg-options', 'b=2'],
        [CONFIG, 'a.pth', '--amp', '--cfg-options', 'a=1', 'b=2'],
    ),
    'rank': ([NAME, '--local-rank', '1'], [CONFIG, 'none', '--local-rank', '1', *PROTOCOL]),
    'rank as older launchers write it': (
        [NAME, '--local_rank', '1'],
        [CONFIG, 'none', '--local_rank', '1', *PROTOCOL],
    ),
    'all flags': (
        [NAME, '--tta', '--show', '--no-pin-memory', 'a.pth'],
        [CONFIG, 'a.pth', '--tta', '--show', '--no-pin-memory'],
    ),
    'unknown option': ([NAME, '--foo'], [CONFIG, 'none', '--foo', *PROTOCOL]),
    'help': ([NAME, '--help'], ['--help']),
    'short help': (['-h'], ['--help']),
}


@pytest.mark.parametrize(('written', 'expected'), CASES.values(), ids=CASES)
def test_command_line_of_the_stock_test_script(written, expected):
    assert stock_test_arguments(written) == expected


def test_no_checkpoint_is_loaded_by_the_protocol():
    assert DictAction._parse_iterable(stock_test_arguments([NAME])[-1].split('=')[1]) is None


@pytest.mark.parametrize(
    ('arguments', 'error'),
    [([], SystemExit), (['--work-dir'], SystemExit), (['no/config.py'], FileNotFoundError)],
)
def test_bad_command_lines(arguments, error):
    with pytest.raises(error):
        stock_test_arguments(arguments)


@pytest.mark.parametrize(
    ('run', 'name'), [(run_stock_test, 'test.py'), (run_stock_train, 'train.py')]
)
def test_the_stock_scripts_run(run, name, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['pytest'])
    with pytest.raises(SystemExit) as end:
        run(['--help'])
    assert end.value.code == 0
    assert f'usage: {name}' in capsys.readouterr().out


def test_train_arguments_name_the_config_and_leave_values_alone(monkeypatch):
    seen = []
    monkeypatch.setattr(stock_tools, '_run', lambda name, arguments: seen.extend(arguments))
    run_stock_train([NAME, '--amp', '--cfg-options', 'custom_imports.imports=my_module.py'])
    assert seen == [CONFIG, '--amp', '--cfg-options', 'custom_imports.imports=my_module.py']


def test_mmpretrain_without_tools_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(stock_tools.mmpretrain, '__file__', str(tmp_path / '__init__.py'))
    with pytest.raises(FileNotFoundError, match=r'test\.py is missing: .* install its wheel'):
        run_stock_test([NAME])
