"""Results of a comparison, laid out as Tables 1 to 5 of the paper."""

import csv
import io
from collections.abc import Sequence

import numpy as np

from mmvrec.benchmark.comparison import caption_of, mean_and_std
from mmvrec.benchmark.paper_figures import PRODUCTS, SHOTS, TITLES, PaperRow, paper_rows
from mmvrec.benchmark.published import published_accuracy
from mmvrec.evaluation.few_shot_metric import summary
from mmvrec.utils.text import markdown_cell

#: Product (None: the mean over all) and shots: what a cell of a table stands for.
Key = tuple[str | None, int]
_NUMBERS = ('mean', 'std', 'paper', 'difference', 'released')
_NOTE = (
    'A cell is ours, then the accuracy that the paper prints (difference: ours less it), then the '
    'one that its authors released, where there is one. The paper has AlphaCLIP ViT-L/14; its '
    'means are over 14 products, and one over fewer is not compared with them.'
)


def paper_tables(comparison: dict) -> list[dict]:
    """Lay out the tables of which the comparison has a row, for every dataset.

    Of MVTec-FS (``mvtecfs`` with any backbone) a table has all rows and columns of the paper's,
    with the printed and the released figures, whether they were compared or not. Of other datasets
    Tables 2 to 5 have the rows that were compared; the paper prints no number for them.

    Args:
        comparison (dict): see :func:`mmvrec.benchmark.run.benchmark`.

    Returns:
        list[dict]: ``table`` (its number), ``title``, ``dataset``, ``columns`` (headings) and
        ``rows``: of each ``label``, ``row``, ``is_ours`` (see :class:`PaperRow`) and ``cells``:
        ``product`` (or None), ``shots``, and ``mean``, ``std``, ``paper``, ``difference`` and
        ``released``, each None where there is none.
    """
    tables = []
    for dataset in dict.fromkeys(column['dataset'] for column in comparison['columns']):
        for number in TITLES:
            rows = [row for row in paper_rows() if row.table == number]
            compared = [row for row in rows if results_of(comparison, row.row, dataset)]
            is_printed = is_mvtec_fs(dataset)
            # One row of the other tables compares nothing.
            fewest = 1 if is_printed or number == 2 else 2
            if len(compared) < fewest or (number == 1 and not is_printed):
                continue
            shown = [r for r in rows if not r.is_ours or r in compared] if is_printed else compared
            keys = column_keys(comparison, number, dataset)
            tables.append(
                {
                    'table': number,
                    'title': f'{TITLES[number]} ({dataset})',
                    'dataset': dataset,
                    'columns': [f'{shots}-shot' if shots else p or 'average' for p, shots in keys],
                    'rows': [lay_out(comparison, row, dataset, keys) for row in shown],
                }
            )
    return tables


def is_mvtec_fs(dataset: str) -> bool:
    """Whether a dataset is MVTec-FS, with any backbone: ``mvtecfs``, ``mvtecfs_tiny``."""
    return dataset.partition('_')[0] == 'mvtecfs'


def column_keys(comparison: dict, number: int, dataset: str) -> list[Key]:
    """List what the columns of a table stand for; in Table 1 the row tells the shots, here 0."""
    if number == 1:
        return [(product, 0) for product in (*PRODUCTS, None)]
    compared = {c['shots'] for c in comparison['columns'] if c['dataset'] == dataset}
    printed = SHOTS if is_mvtec_fs(dataset) else ()
    return [(None, shots) for shots in sorted({*compared, *printed})]


def lay_out(comparison: dict, row: PaperRow, dataset: str, keys: Sequence[Key]) -> dict:
    """Lay out a row, see :func:`paper_tables`."""
    if row.table == 1:
        (shots,) = {shots for _, shots in row.printed}
        keys = [(product, shots) for product, _ in keys]
    cells = [paper_cell(comparison, row, dataset, key) for key in keys]
    return {'label': row.label, 'row': row.row, 'is_ours': row.is_ours, 'cells': cells}


def results_of(comparison: dict, row: str, dataset: str) -> dict[tuple[str, int], list[float]]:
    """Accuracies of a row on a dataset, percent per episode, by task and shots."""
    cells = comparison['rows'].get(row, {'cells': [None] * len(comparison['columns'])})['cells']
    return {
        (column['task'], column['shots']): cell['accuracies']
        for column, cell in zip(comparison['columns'], cells, strict=True)
        if column['dataset'] == dataset and cell is not None
    }


def paper_cell(comparison: dict, row: PaperRow, dataset: str, key: Key) -> dict:
    """Set ours beside the paper's, see :func:`paper_tables`.

    Means over the products are taken episode by episode, mean and spread over the episodes.
    """
    product, shots = key
    results = results_of(comparison, row.row, dataset)
    # A head that sees no support has the same accuracy at all shots.
    own_shots = shots or min((s for _, s in results), default=0)
    own = {t: a for (t, s), a in results.items() if s == own_shots and product in (None, t)}
    is_printed = is_mvtec_fs(dataset)
    cell = dict.fromkeys(_NUMBERS)
    cell['paper'] = row.printed.get(key) if is_printed else None
    tasks = list(own) if own else [product] if product else list(PRODUCTS)
    cell['released'] = (
        published_accuracy(row.method, 'mvtecfs', tasks, shots) if is_printed else None
    )
    if own:
        episodes = np.mean(list(own.values()), axis=0)
        cell['mean'], std, _ = summary(episodes)
        cell['std'] = std if len(episodes) > 1 else None
        if cell['paper'] is not None and (product or set(own) == set(PRODUCTS)):
            cell['difference'] = cell['mean'] - cell['paper']
    return {'product': product, 'shots': shots, **cell}


def paper_tables_markdown(comparison: dict) -> str:
    """Write :func:`paper_tables` as Markdown."""
    parts = [caption_of(comparison, _NOTE)]
    for table in paper_tables(comparison):
        header = ['', *map(markdown_cell, table['columns'])]
        lines = [header, ['---', *['---:'] * len(table['columns'])]]
        lines += [[row['label'], *map(cell_text, row['cells'])] for row in table['rows']]
        parts.append(f'## {markdown_cell(table["title"])}')
        parts.append('\n'.join(f'| {" | ".join(line)} |' for line in lines))
    return '\n\n'.join(parts) + '\n'


def cell_text(cell: dict) -> str:
    """Write ``ours ± std; paper 71.6 (+0.40); released 71.71``, leaving out what is not known."""
    texts = [mean_and_std(None if cell['mean'] is None else cell)]
    if cell['paper'] is not None:
        difference = '' if cell['difference'] is None else f' ({cell["difference"]:+.2f})'
        texts.append(f'paper {cell["paper"]:g}{difference}')
    if cell['released'] is not None:
        texts.append(f'released {cell["released"]:.2f}')
    return '; '.join(texts)


def paper_tables_csv(comparison: dict) -> str:
    """Write :func:`paper_tables` as CSV, a line per cell, numbers in percent with four decimals."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(['table', 'dataset', 'row', 'label', 'product', 'shots', *_NUMBERS])
    for table in paper_tables(comparison):
        for row in table['rows']:
            for cell in row['cells']:
                texts = ['' if cell[n] is None else f'{cell[n]:.4f}' for n in _NUMBERS]
                where = [table['table'], table['dataset'], row['row'], row['label']]
                product = cell['product'] or 'average'
                writer.writerow([*where, product, cell['shots'], *texts])
    return file.getvalue()
