"""Problems of annotations: their listing, and whether they raise or are logged."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from mmengine.logging import print_log

from mmvrec.utils.text import printable

_SHOWN = 10


@dataclass(frozen=True)
class Problem:
    """Something wrong with an annotation.

    Args:
        file (str): the file in which it was found.
        instance (str): id of the instance, or of the image; empty when the whole file is meant.
        message (str): what is wrong and what to do.
        fatal (bool): whether it stops loading under ``on_problem='raise'``. A problem that is not
            fatal is a known oddity of a published dataset; its instance is left out either way.
        left_out (bool): False for a note on what was mended: its instances are in the dataset.
    """

    file: str
    instance: str
    message: str
    fatal: bool = True
    left_out: bool = True

    def __str__(self) -> str:
        """``file, instance: message``."""
        text = f'{self.file}, {self.instance}: {self.message}'.replace(', :', ':')
        return printable(text, keep='\n')


def list_problems(problems: Sequence[Problem]) -> str:
    """Format the first ten problems, one a line, and how many more there are."""
    lines = [f'  {problem}' for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f'  … and {len(problems) - _SHOWN} more (tools/misc/inspect_dataset.py)')
    return '\n'.join(lines)


def raise_or_log(problems: Sequence[Problem], kind: str, root: str, on_problem: str) -> None:
    """Refuse a dataset with fatal problems, or log what was left out and what was mended.

    Args:
        problems (Sequence[Problem]): all of the dataset.
        kind (str): name of its class, for the messages.
        root (str): its folder, for the messages.
        on_problem (str): ``raise`` or ``skip``, see :class:`DefectDataset`.

    Raises:
        ValueError: a problem is fatal, and ``on_problem`` is ``raise``.
    """
    dataset = f'{kind} in {root!r}'
    fatal = [p for p in problems if p.fatal]
    if fatal and on_problem == 'raise':
        raise ValueError(
            f'{dataset}: {len(fatal)} problems\n{list_problems(fatal)}\n'
            "Mend the annotations, or set on_problem='skip' to leave these instances out."
        )
    left_out = [p for p in problems if p.left_out]
    if left_out:
        print_log(
            f'{dataset}: {len(left_out)} problems, the instances concerned are left out\n'
            f'{list_problems(left_out)}',
            logger='current',
            level=logging.WARNING,
        )
    for note in problems:
        if not note.left_out:
            print_log(f'{kind}: {note}', logger='current', level=logging.INFO)
