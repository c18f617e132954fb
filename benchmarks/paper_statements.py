"""Which statements of the paper hold on other datasets, with another backbone.

    paper_statements.py COMPARED/results.json

reads what ``tools/benchmark.py --out COMPARED`` has written. A statement is that one row of Tables
2 to 5 is above another, or below; the paper's numbers say by how much on MVTec-FS. Ours are the
differences of the mean over all datasets that both rows have, paired by episode, with their 95 %
interval. The statement holds where the interval lies on the paper's side of zero, does not where it
lies on the other side, and is undecided where zero is in it.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmvrec.benchmark.comparison import paired_difference
from mmvrec.benchmark.paper_figures import SHOTS, paper_rows

_HEADS = ('zipa', 'zipaf')
_CLASSIFIERS = ('protonet', 'knn', 'linear-probe')


class Statement(NamedTuple):
    """That one row of a table of the paper is above another.

    Args:
        table (int): number of the table.
        upper (str): the row, see :class:`mmvrec.benchmark.paper_figures.PaperRow`.
        lower (str): the other one.
    """

    table: int
    upper: str
    lower: str


def statements() -> Iterator[Statement]:
    """What the paper's text says of its Tables 2 to 5."""
    for head in (*_CLASSIFIERS, *_HEADS):
        yield Statement(2, head, f'{head}-single')
    yield Statement(2, 'zipaf', 'zipa')
    yield Statement(2, 'zipaf-single', 'zipa-single')
    for head in _HEADS:
        for other in _CLASSIFIERS:
            yield Statement(2, head, other)
    for start in ('zipa:', ''):
        rows = [
            f'{start}context_{name}'
            for name in (
                'fixed-crop_instance-mask',
                'fixed-crop_foreground-mask',
                'fixed-crop_none-mask',
                'defect-crop_none-mask',
            )
        ]
        yield from (Statement(3, *pair) for pair in pairwise(rows))
    for start in ('zipa:', ''):
        varied = ('scale', 'rotate', 'flip', 'offset', 'scale-rotate', 'scale-flip')
        for name in (*varied, 'scale-offset'):
            yield Statement(4, f'{start}views_{name}', f'{start}views_single')
        for name in ('scale', 'offset', 'scale-rotate'):
            yield Statement(4, f'{start}views_scale-offset', f'{start}views_{name}')
    for part in ('train_keys', 'train_projection'):
        yield Statement(5, 'zipaf', part)


def paper_difference(statement: Statement, shots: int) -> float:
    """By how much the upper row is above the lower one in the paper, points."""
    printed = {
        row.row: row.printed[None, shots]
        for row in paper_rows()
        if row.table == statement.table and (None, shots) in row.printed and not row.is_ours
    }
    return printed[statement.upper] - printed[statement.lower]


def our_difference(comparison: dict, statement: Statement, shots: int) -> dict | None:
    """The same of ours, see :func:`paired_difference`; None where a row was not compared."""
    found = []
    for name in (statement.upper, statement.lower):
        # The last rows of Tables 3 and 4 are the whole method.
        whole = {row.row: row.method for row in paper_rows()}[name]
        row = comparison['rows'].get(name, comparison['rows'].get(whole))
        if row is None:
            return None
        found.append(
            [
                None if cell is None else cell['accuracies']
                for cell, column in zip(row['cells'], comparison['columns'], strict=True)
                if column['shots'] == shots
            ]
        )
    both = [pair for pair in zip(*found, strict=True) if None not in pair]
    return paired_difference(*np.mean(both, axis=0)) if both else None


def verdict(paper: float, ours: dict) -> str:
    """Whether the statement holds."""
    if ours['low'] is None or ours['low'] <= 0 <= ours['high']:
        return 'undecided'
    return 'holds' if (ours['mean'] > 0) == (paper > 0) else '**does not**'


def main() -> None:
    """Print a row for every statement and number of shots."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('results', type=Path, help='results.json of tools/benchmark.py')
    comparison = json.loads(parser.parse_args().results.read_text(encoding='utf-8'))
    print('| table | statement | shots | paper | ours [95 % CI] | |')
    print('|---|---|---:|---:|---:|---|')
    for statement in statements():
        for shots in SHOTS:
            ours = our_difference(comparison, statement, shots)
            paper = paper_difference(statement, shots)
            # Equal to the printed decimal, they state nothing.
            if ours is None or abs(paper) < 0.05:
                continue
            interval = '' if ours['low'] is None else f' [{ours["low"]:+.1f}, {ours["high"]:+.1f}]'
            cells = [
                str(statement.table),
                f'`{statement.upper}` against `{statement.lower}`',
                str(shots),
                f'{paper:+.1f}',
                f'{ours["mean"]:+.1f}{interval}',
                verdict(paper, ours),
            ]
            print(f'| {" | ".join(cells)} |')


if __name__ == '__main__':
    main()
