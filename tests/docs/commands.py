"""The commands of the project as the documentation shows them: run in this process, or parsed."""

import argparse
import io
import re
import runpy
import sys
from contextlib import redirect_stderr, redirect_stdout
from itertools import pairwise, takewhile
from pathlib import Path
from unittest.mock import patch

from mmengine.config import Config

from mmvrec.benchmark.composition import compose
from mmvrec.benchmark.run import paper_parts
from mmvrec.cli.main import main
from mmvrec.utils.resources import config_file
from mmvrec_runtime import cli as runtime

REPO = Path(__file__).parents[2]
_LOADERS = ('train_dataloader', 'test_dataloader')
#: Programs that embed whole datasets.
_LONG = ('test.py', 'train.py', 'benchmark.py')
#: Fewer views, images and iterations than a user has.
_FEW_VIEWS = [
    option
    for loader in _LOADERS
    for option in (f'{loader}.num_workers=0', f'{loader}.dataset.pipeline.2.offsets=[0]')
]
_FEW_IMAGES = [
    option
    for loader in _LOADERS
    for option in (
        f'{loader}.dataset.instances_per_class=5',
        f'{loader}.dataset.surfaces=[ceramic_tile]',
    )
]
_FEW_ITERATIONS = ['train_cfg.max_iters=20']


def run_command(command: list[str]) -> str:
    """Run a command; what it prints. It may not fail."""
    name, *arguments = command
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        try:
            status = _start(name, arguments)
        except SystemExit as end:
            status = end.code
    if status not in (0, None):
        raise ValueError(f'{command} ends with {status}:\n{output.getvalue()[-3000:]}')
    return output.getvalue()


def _start(name: str, arguments: list[str]) -> object:
    if name == 'mmvrec':
        options = [_FEW_VIEWS[-1], *_FEW_ITERATIONS] if arguments[0] == 'enroll' else []
        return main(with_options(arguments, options))
    if name != 'python':
        raise ValueError(f'{name} does not run here; mark the snippet <!-- not run: reason -->')
    script, *arguments = arguments
    options = smaller(arguments) if Path(script).name in _LONG else []
    return _run_script(script, with_options(arguments, options))


def _run_script(script: str, arguments: list[str]) -> None:
    with patch.object(sys, 'argv', [script, *arguments]):
        runpy.run_path(script, run_name='__main__')


def smaller(arguments: list[str]) -> list[str]:
    """Overrides for a command that is to end soon, as far as its configs have such settings."""
    configs = [a for a in arguments if a.endswith('.py') and '=' not in a]
    datasets = configs + values_of('--datasets', arguments)
    if any('featurebank' in name for name in datasets):
        return []
    options = list(_FEW_VIEWS)
    if all('synthetic' in name for name in datasets):
        options += _FEW_IMAGES
    if any('zipaf' in name for name in configs + values_of('--heads', arguments)):
        options += _FEW_ITERATIONS
    return options


def values_of(option: str, arguments: list[str]) -> list[str]:
    """What stands behind an option that takes several values."""
    if option not in arguments:
        return []
    behind = arguments[arguments.index(option) + 1 :]
    return list(takewhile(lambda argument: not argument.startswith('--'), behind))


def with_options(arguments: list[str], options: list[str]) -> list[str]:
    """The arguments with overrides put before their own, which win."""
    if not options:
        return arguments
    if '--cfg-options' not in arguments:
        return [*arguments, '--cfg-options', *options]
    place = arguments.index('--cfg-options') + 1
    return [*arguments[:place], *options, *arguments[place:]]


class _Parsed(Exception):
    """The command line could be parsed; carries the result."""


def check_command(command: list[str]) -> None:
    """Check a command without running it: it exists, its options parse, its configs load."""
    name, *arguments = command
    if name == 'make':
        targets = re.findall(r'^(\w+):', (REPO / 'Makefile').read_text(), re.MULTILINE)
        unknown = set(arguments) - set(targets)
        if unknown:
            raise ValueError(f'the Makefile has no {unknown}')
    elif name == 'pip':
        _check_pip(arguments)
    elif name == 'mmvrec-run':
        runtime.parse(arguments)
    elif name in ('python', 'torchrun', 'mmvrec'):
        _check_options(name, arguments)
    else:
        raise ValueError(f'unknown command {command}')


def _check_pip(arguments: list[str]) -> None:
    extras = re.findall(r'\.\[(\w+)\]', ' '.join(arguments))
    files = [REPO / 'requirements' / f'{extra}.txt' for extra in extras]
    files += [Path(value) for key, value in pairwise(arguments) if key == '-r']
    missing = [str(file) for file in files if not file.is_file()]
    if arguments[0] != 'install' or missing:
        raise ValueError(f'pip {arguments}: missing {missing}')


def _check_options(name: str, arguments: list[str]) -> None:
    parse_args = argparse.ArgumentParser.parse_args

    def stop_here(*args, **kwargs):
        raise _Parsed(parse_args(*args, **kwargs))

    if name == 'torchrun':
        arguments = arguments[next(i for i, a in enumerate(arguments) if a.endswith('.py')) :]
    told = io.StringIO()
    with patch.object(argparse.ArgumentParser, 'parse_args', stop_here), redirect_stderr(told):
        try:
            main(arguments) if name == 'mmvrec' else _run_script(arguments[0], arguments[1:])
        except _Parsed as parsed:
            options = parsed.args[0]
        except SystemExit as end:
            raise ValueError(f'{name} {arguments}: {told.getvalue()}') from end
    configs = getattr(options, 'configs', None) or [getattr(options, 'config', None)]
    loaded = [Config.fromfile(config_file(config)) for config in filter(None, configs)]
    parts = ('heads', 'ablations', 'datasets', 'backbone')
    if hasattr(options, 'heads'):
        compared = paper_parts if options.paper else compose
        loaded += [c.config for c in compared(**{part: getattr(options, part) for part in parts})]
    for config in loaded:
        config.merge_from_dict(getattr(options, 'cfg_options', None) or {})
