"""A bad input: how it comes about, what is told, what to do."""

import contextlib
import io
import os
import re
import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmvrec.cli.main import main

TOOLS = Path(__file__).parents[2] / 'tools'
#: Makes the input in an empty folder, the working directory; returns what meets it.
Prepare = Callable[[Path], Callable[[], object]]


@dataclass(frozen=True)
class BadInput:
    """One row of docs/bad_inputs.md, and its test.

    Args:
        what (str): the input.
        told (str): excerpt of the message; … stands for what differs from case to case.
        do (str): what to do about it.
        prepare (Prepare): see there.
        names (tuple[str, ...]): file and instance that the message must name.
        error (type[Exception]): exactly this is raised.
        not_as_root (bool): whether the superuser may do it.
    """

    what: str
    told: str
    do: str
    prepare: Prepare
    names: tuple[str, ...] = ()
    error: type[Exception] = ValueError
    not_as_root: bool = False

    def matches(self, message: str) -> bool:
        pattern = '.*'.join(map(re.escape, self.told.split('…')))
        return re.search(pattern, message, re.DOTALL) is not None


@dataclass(frozen=True)
class FineInput:
    """An input that looks bad and is not; ``prepare`` returns a call that checks what happens."""

    what: str
    happens: str
    prepare: Prepare


class CommandError(Exception):
    """What a command has written to the standard error stream before it failed."""


def command(*arguments: str, status: int = 1) -> Callable[[], None]:
    """A call of ``mmvrec``; it must fail with this status and one message."""

    def call():
        text = io.StringIO()
        with contextlib.redirect_stderr(text), contextlib.redirect_stdout(io.StringIO()):
            try:
                found = main(arguments)
            except SystemExit as error:
                found = error.code
        assert found == status, text.getvalue()
        assert text.getvalue().count('error: ') == 1
        assert 'Traceback' not in text.getvalue()
        raise CommandError(text.getvalue())

    return call


def tool(name: str, *arguments: str) -> Callable[[], None]:
    """A call of a tool, in this process; it must end with one message."""

    def call():
        before = sys.argv
        sys.argv = [name, *arguments]
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                runpy.run_path(str(TOOLS / name), run_name='__main__')
        except SystemExit as error:
            assert str(error.code).startswith('error: ')
            raise CommandError(str(error.code)) from None
        finally:
            sys.argv = before

    return call


def everything_in(folder: Path) -> dict[str, object]:
    """Files with their content, folders and links below a folder."""
    found: dict[str, object] = {}
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(place, name)
            if path.is_symlink():
                found[str(path)] = path.readlink()
            else:
                found[str(path)] = None if path.is_dir() else path.stat().st_mtime_ns
    return found


def message_of(error: BaseException) -> str:
    """The text of an error; of a KeyError without the quotes around it."""
    return str(error.args[0]) if isinstance(error, KeyError) else str(error)
