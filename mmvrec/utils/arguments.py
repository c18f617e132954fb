"""Arguments of command lines."""

import argparse
from collections.abc import Sequence
from reprlib import repr as short


class KeyValueAction(argparse.Action):
    """Collects KEY=VALUE in a dictionary, values as those of MMEngine's ``DictAction``.

    What is no such pair, cannot be read or names a key again is an error of the command line.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Sequence[str],
        option_string: str | None = None,
    ) -> None:
        """Add the pairs to those of the same option before (called by argparse)."""
        options = dict(getattr(namespace, self.dest) or {})
        for pair in values:
            key, equals, text = pair.partition('=')
            if not equals or not key:
                raise argparse.ArgumentError(self, f'expected KEY=VALUE, got {short(pair)}')
            if key in options:
                raise argparse.ArgumentError(self, f'{key} is given twice')
            try:
                options[key] = read_value(text)
            except (AssertionError, RecursionError) as error:
                raise argparse.ArgumentError(
                    self, f'the value of {key} cannot be read: {error}'
                ) from error
        setattr(namespace, self.dest, options)


def read_value(text: str) -> object:
    """Read a value as MMEngine's ``DictAction`` does: numbers, lists and tuples, else text.

    Raises:
        AssertionError: its brackets do not match.
        RecursionError: they are nested too deeply.
    """
    # Imported where it is needed, as it brings MMEngine with it.
    from mmengine.config import DictAction

    # MMEngine drops all blanks, which belong to names of folders and classes.
    if ' ' in text and not set(text) & set(',()[]'):
        return text.strip()
    return DictAction._parse_iterable(text)


def add_import_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--import``, the user's own code, as ``imports``; it may be repeated."""
    parser.add_argument(
        '--import',
        dest='imports',
        action='append',
        default=[],
        metavar='MODULE',
        help='a Python module or .py file with your own datasets, backbones or transforms; it is '
        'run, so name only code that you trust (may be repeated)',
    )
