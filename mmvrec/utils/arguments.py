"""Arguments of command lines."""

from argparse import ArgumentError

from mmengine.config import DictAction


class KeyValueAction(DictAction):
    """MMEngine's ``key=value`` arguments, with a message for what is none."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Read them; :class:`argparse.ArgumentError` where it cannot be done."""
        try:
            super().__call__(parser, namespace, values, option_string)
        except (ValueError, AssertionError, RecursionError) as error:
            raise ArgumentError(
                self, f'expected KEY=VALUE or KEY=[VALUE,VALUE], got {" ".join(values)!r}'
            ) from error
