"""Running MMPretrain's own scripts, so that every option means the same here."""

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

import mmpretrain

from mmvrec.utils.files import check_output, check_output_folder
from mmvrec.utils.resources import config_file

# Stands for a checkpoint where there is none.
_NO_CHECKPOINT = 'none'
# The options of the stock test.py: flags, and those that take a value.
_TEST_FLAGS = ('--amp', '--show', '--no-pin-memory', '--tta')
_TEST_OPTIONS = (
    '--work-dir',
    '--out',
    '--out-item',
    '--show-dir',
    '--interval',
    '--wait-time',
    '--launcher',
    '--local-rank',
    '--local_rank',
)


def run_stock_train(arguments: Sequence[str]) -> None:
    """Run the stock ``train.py``; the config may be named as in ``config_file``."""
    _check_outputs(arguments)
    is_config = [a.endswith('.py') and '=' not in a for a in arguments]
    resolved = [_resolved(a) if c else a for a, c in zip(arguments, is_config, strict=True)]
    _run('train.py', resolved)


def run_stock_test(arguments: Sequence[str]) -> None:
    """Run the stock ``test.py``; see :func:`stock_test_arguments`."""
    _check_outputs(arguments)
    _run('test.py', stock_test_arguments(arguments))


def _check_outputs(arguments: Sequence[str]) -> None:
    """End with one message, before the work, where its results could not be written."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ('--out', '--work-dir', '--show-dir'):
        parser.add_argument(option)
    args, _ = parser.parse_known_args(arguments)
    try:
        if args.out:
            check_output(args.out)
        for folder in filter(None, (args.work_dir, args.show_dir)):
            check_output_folder(folder)
    except ValueError as error:
        sys.exit(f'error: {error}')


def stock_test_arguments(arguments: Sequence[str]) -> list[str]:
    """Translate ``CONFIG [CHECKPOINT] [options]`` for the stock ``test.py``, which needs both.

    Without a checkpoint the runner is told to load none, which runs the few-shot protocol.

    Args:
        arguments (Sequence[str]): the command line; the config is named as in ``config_file``. A
            checkpoint ``none`` is no checkpoint, for launchers that insist on one (``mim test``).

    Returns:
        list[str]: the command line for the stock script.
    """
    if {'-h', '--help'} & set(arguments):
        return ['--help']
    parser = argparse.ArgumentParser('test.py', allow_abbrev=False)
    parser.add_argument('config')
    parser.add_argument('checkpoint', nargs='?')
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[])
    for flag in _TEST_FLAGS:
        parser.add_argument(flag, action='append_const', dest='flags', const=flag)
    for option in _TEST_OPTIONS:
        parser.add_argument(option, dest=option)
    args, unknown = parser.parse_known_intermixed_args(arguments)
    overrides = list(args.cfg_options)
    checkpoint = args.checkpoint or _NO_CHECKPOINT
    if checkpoint == _NO_CHECKPOINT:
        overrides.append('load_from=None')
    translated = [_resolved(args.config), checkpoint, *(args.flags or []), *unknown]
    for option in _TEST_OPTIONS:
        value = getattr(args, option)
        if value is not None:
            translated += [option, value]
    return [*translated, '--cfg-options', *overrides] if overrides else translated


def _resolved(config: str) -> str:
    return str(config_file(config))


def _run(name: str, arguments: list[str]) -> None:
    script = Path(mmpretrain.__file__).parent / '.mim' / 'tools' / name
    if not script.is_file():
        raise FileNotFoundError(
            f'{script} is missing: this MMPretrain carries no tools; install its wheel '
            '(pip install --force-reinstall --no-deps mmpretrain)'
        )
    sys.argv = [name, *arguments]
    runpy.run_path(str(script), run_name='__main__')
