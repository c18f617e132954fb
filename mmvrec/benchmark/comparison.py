"""Comparing heads: paired differences, and one table of all of them."""

import csv
import io
from collections.abc import Iterable

import numpy as np

from mmvrec.evaluation.few_shot_metric import summary
from mmvrec.utils.text import markdown_cell

#: Dataset, task and shots: what a column of the table stands for.
Column = tuple[str, str, int]


def paired_difference(accuracies: np.ndarray, reference: np.ndarray) -> dict[str, float | None]:
    """Compute the mean paired difference and its 95 % confidence interval.

    With d_e = accuracies_e - reference_e over the n episodes, which share their support sets, the
    mean is m = sum(d_e) / n, the sample standard deviation s = sqrt(sum((d_e - m)^2) / (n - 1)),
    and the interval m -+ t s / sqrt(n), where t is the 0.975 quantile of Student's t with n - 1
    degrees of freedom.

    Args:
        accuracies (np.ndarray): of one head, float, (episodes,).
        reference (np.ndarray): of the other, float, (episodes,).

    Returns:
        dict: ``mean``, ``low`` and ``high`` in the unit of the input; of one episode, which has
        no spread, ``low`` and ``high`` are None.
    """
    mean, _, half = summary(accuracies - reference)
    if len(accuracies) == 1:
        return {'mean': mean, 'low': None, 'high': None}
    return {'mean': mean, 'low': mean - half, 'high': mean + half}


def compare(
    accuracies: dict[str, dict[Column, np.ndarray]], reference: str, queries: dict[Column, int]
) -> dict:
    """Compute mean, spread and paired difference of every row.

    The mean of a row weighs all columns alike; ``pooled`` weighs the tasks of a dataset by their
    queries, as if they were one task. Spread, and the difference to the reference, are over the
    episodes' means over the columns. A row that lacks a column has neither.

    Args:
        accuracies (dict): by row and column: percent, float, (episodes,).
        reference (str): row that the others are compared with.
        queries (dict): number of queries by column.

    Returns:
        dict: ``reference``, ``episodes``, ``columns`` (dataset, task and shots) and ``rows``. A row
        has ``cells`` (one per column, None where it has none), ``mean`` and ``pooled`` (over all,
        or None) and ``datasets`` (by name, over the columns of that dataset, or None), each with
        ``accuracies``, ``mean``, ``std``, ``ci95`` (see :func:`summary`; of one episode ``std`` and
        ``ci95`` are None) and ``difference`` (see :func:`paired_difference`; None in the
        reference's row and where it has no number).
    """
    present = {column for cells in accuracies.values() for column in cells}
    order = list(dict.fromkeys(c[:2] for cells in accuracies.values() for c in cells))
    columns = sorted(present, key=lambda c: (order.index(c[:2]), c[2]))
    datasets = list(dict.fromkeys(dataset for dataset, _ in order))
    counts = np.array([queries[column] for column in columns], dtype=float)
    weights = [
        np.ones(len(columns)),
        _within(columns, counts),
        *[np.array([float(c[0] == dataset) for c in columns]) for dataset in datasets],
    ]
    values = {}
    for row, found in accuracies.items():
        cells = [found.get(column) for column in columns]
        values[row] = cells + [_weighted_mean(cells, own) for own in weights]
    rows = {}
    for row, cells in values.items():
        others = [None] * len(cells) if row == reference else values[reference]
        found = [cell_statistics(a, b) for a, b in zip(cells, others, strict=True)]
        mean, pooled, *own = found[len(columns) :]
        own = dict(zip(datasets, own, strict=True))
        rows[row] = {
            'cells': found[: len(columns)],
            'mean': mean,
            'pooled': pooled,
            'datasets': own,
        }
    return {
        'reference': reference,
        'episodes': len(next(iter(next(iter(accuracies.values())).values()))),
        'columns': [dict(zip(('dataset', 'task', 'shots'), c, strict=True)) for c in columns],
        'rows': rows,
    }


def _within(columns: list[Column], counts: np.ndarray) -> np.ndarray:
    """Weights that sum to 1 over the tasks of a dataset at one number of shots."""
    groups = [(dataset, shots) for dataset, _, shots in columns]
    sums = [sum(counts[[other == group for other in groups]]) for group in groups]
    return counts / np.array(sums)


def _weighted_mean(cells: list[np.ndarray | None], weights: np.ndarray) -> np.ndarray | None:
    """Mean over the cells of positive weight; None where one of them is missing."""
    pairs = [(cell, weight) for cell, weight in zip(cells, weights, strict=True) if weight]
    if any(cell is None for cell, _ in pairs):
        return None
    found, own = zip(*pairs, strict=True)
    return np.average(found, axis=0, weights=own)


def cell_statistics(accuracies: np.ndarray | None, reference: np.ndarray | None) -> dict | None:
    """Describe one cell of the table.

    Args:
        accuracies (np.ndarray, optional): percent, float, (episodes,); None where there are none.
        reference (np.ndarray, optional): those of the reference; None: it is compared with nothing.

    Returns:
        dict | None: see :func:`compare`; None without accuracies.
    """
    if accuracies is None:
        return None
    mean, std, ci95 = summary(accuracies)
    single = len(accuracies) == 1
    return {
        'accuracies': accuracies.tolist(),
        'mean': mean,
        'std': None if single else std,
        'ci95': None if single else ci95,
        'difference': None if reference is None else paired_difference(accuracies, reference),
    }


def _titles(comparison: dict) -> list[str]:
    return [f'{c["dataset"]}/{c["task"]} {c["shots"]}-shot' for c in comparison['columns']]


def markdown_table(comparison: dict) -> str:
    """Write the comparison as a Markdown table; the caption names weights that are random.

    Where a dataset has several tasks there is a column of all their queries pooled. Of several
    datasets a second table has the difference in each.

    Args:
        comparison (dict): see :func:`benchmark`.

    Returns:
        str: the text of ``table.md``.
    """
    reference = comparison['reference']
    summaries = _summaries(comparison)
    to_reference = f'difference to {markdown_cell(reference)} [95 % CI]'
    lines = [['head', *map(markdown_cell, _titles(comparison)), *summaries, to_reference]]
    for name, row in comparison['rows'].items():
        cells = [mean_and_std(cell) for cell in (*row['cells'], *[row[s] for s in summaries])]
        difference = 'reference' if name == reference else difference_and_interval(row['mean'])
        lines.append([markdown_cell(name), *cells, difference])
    note = (
        'The difference is paired by episode (mean over all columns), its interval that of '
        "Student's t. Both spread and interval are over draws of the support set, for these very "
        'queries.'
    )
    if 'pooled' in summaries:
        note += ' Pooled: all queries of a dataset count alike, whatever their task.'
    text = f'{caption_of(comparison, note)}\n\n{_table(lines)}\n'
    datasets = list(next(iter(comparison['rows'].values()))['datasets'])
    if len(datasets) == 1 or len(comparison['rows']) == 1:
        return text
    lines = [['head', *map(markdown_cell, datasets)]]
    for name, row in comparison['rows'].items():
        if name != reference:
            cells = [difference_and_interval(row['datasets'][dataset]) for dataset in datasets]
            lines.append([markdown_cell(name), *cells])
    title = f'Difference to {markdown_cell(reference)} [95 % CI], mean over tasks and shots'
    return f'{text}\n{title}:\n\n{_table(lines)}\n'


def _table(lines: list[list[str]]) -> str:
    rule = ['---', *['---:'] * (len(lines[0]) - 1)]
    return '\n'.join(f'| {" | ".join(line)} |' for line in (lines[0], rule, *lines[1:]))


def _summaries(comparison: dict) -> list[str]:
    """What is told of all columns together."""
    tasks = {(c['dataset'], c['task']) for c in comparison['columns']}
    several = len(tasks) > len({dataset for dataset, _ in tasks})
    return ['mean', 'pooled'] if several else ['mean']


def caption_of(comparison: dict, *notes: str) -> str:
    """Describe what the numbers are, which were made with random weights or fewer than K shots."""
    sentences = [
        f'Accuracy (%), mean ± standard deviation over {comparison["episodes"]} episodes (seed '
        f'{comparison["seed"]}).',
        *notes,
    ]
    weights = comparison['weights']
    random: dict[str, list[tuple[str, str]]] = {}
    for row, sources in weights.items():
        for dataset, source in sources.items():
            if comparison['random_weights'][row][dataset]:
                random.setdefault(source, []).append((row, dataset))
    for source, places in random.items():
        rows, datasets = (list(dict.fromkeys(names)) for names in zip(*places, strict=True))
        # Where every row has them, naming the rows says nothing.
        others = any(d in weights[row] for row in weights if row not in rows for d in datasets)
        where = f' in {_listed(rows)}' if others else ''
        sentences.append(
            f'**The weights of {_listed(datasets)}{where} are {markdown_cell(source)}: numbers '
            'made with random weights show that the program runs, not what a method can do.**'
        )
    for short in comparison['fewer_shots']:
        place = f'{short["dataset"]}/{short["task"]}'
        classes = ', '.join(f'{name} ({n})' for name, n in short['classes'].items())
        sentences.append(
            f'At {short["shots"]} shots these classes of {markdown_cell(place)} give all '
            f'instances that they have, which are fewer: {markdown_cell(classes)}.'
        )
    return ' '.join(sentences)


def _listed(names: Iterable[str]) -> str:
    return ', '.join(map(markdown_cell, names))


def mean_and_std(cell: dict | None) -> str:
    """Write ``mean ± std`` with two decimals, ``-`` where there is no number."""
    if cell is None:
        return '-'
    return f'{cell["mean"]:.2f}' + ('' if cell['std'] is None else f' ± {cell["std"]:.2f}')


def difference_and_interval(cell: dict | None) -> str:
    """Write ``difference [low, high]`` with two decimals, ``-`` where there is no number."""
    difference = cell and cell['difference']
    if not difference:
        return '-'
    mean = f'{difference["mean"]:+.2f}'
    if difference['low'] is None:
        return mean
    return f'{mean} [{difference["low"]:+.2f}, {difference["high"]:+.2f}]'


def csv_table(comparison: dict) -> str:
    """Write the comparison as CSV: a line per row, numbers in percent with four decimals.

    Args:
        comparison (dict): see :func:`benchmark`.

    Returns:
        str: the text of ``table.csv``. What is not known is empty.
    """
    summaries = _summaries(comparison)
    titles = [*_titles(comparison), *summaries]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    numbers = [f'{title}{suffix}' for title in titles for suffix in ('', ' std')]
    differences = ['difference', 'difference low', 'difference high']
    writer.writerow(['head', *numbers, *differences, 'reference', 'weights'])
    for name, row in comparison['rows'].items():
        values = []
        for cell in (*row['cells'], *[row[name] for name in summaries]):
            values += [cell['mean'], cell['std']] if cell else [None, None]
        difference = (row['mean'] or {}).get('difference') or {}
        values += [difference.get(key) for key in ('mean', 'low', 'high')]
        weights = '; '.join(f'{d}: {s}' for d, s in comparison['weights'][name].items())
        texts = ['' if value is None else f'{value:.4f}' for value in values]
        writer.writerow([name, *texts, comparison['reference'], weights])
    return file.getvalue()
