"""Results of a comparison, laid out as Tables 1 to 5 of the paper."""

import csv
import io
from dataclasses import dataclass

import numpy as np

from mmvrec.benchmark.comparison import caption_of, mean_and_std
from mmvrec.benchmark.published import published_accuracy
from mmvrec.evaluation.few_shot_metric import summary
from mmvrec.utils.text import markdown_cell


@dataclass(frozen=True)
class PaperTable:
    """What a table of the paper compares.

    Args:
        title (str): its number and subject.
        rows (dict[str, str]): by row of a comparison (the config's name without shots and dataset)
            what it stands for in the table, in order.
        main_dataset (bool, optional): whether it is about MVTec-FS, or about the other datasets;
            None takes any.
    """

    title: str
    rows: dict[str, str]
    main_dataset: bool | None = None


_HEADS = {
    'zero-shot-single': 'CLIP-ZeroShot, one view',
    'zero-shot': 'CLIP-ZeroShot, 27 views',
    'knn-single': 'CLIP-KNN, one view',
    'knn': 'CLIP-KNN, 27 views',
    'protonet-single': 'CLIP-ProtoNet, one view',
    'protonet': 'CLIP-ProtoNet, 27 views',
    'linear-probe-single': 'CLIP-LinearProb, one view',
    'linear-probe': 'CLIP-LinearProb, 27 views',
    'clip-adapter-single': 'CLIP-Adapter, one view',
    'clip-adapter': 'CLIP-Adapter, 27 views',
    'tip-adapter-single': 'Tip-Adapter, one view',
    'tip-adapter': 'Tip-Adapter, 27 views',
    'tip-adapter-f-single': 'Tip-Adapter-F, one view',
    'tip-adapter-f': 'Tip-Adapter-F, 27 views',
    'zipa-single': 'Zip-Adapter, one view',
    'zipa': 'Zip-Adapter (MVREC)',
    'zipaf-single': 'Zip-Adapter-F, one view',
    'zipaf': 'Zip-Adapter-F (MVREC), cross-entropy + 4 x triplet',
    'zipaf-ce': 'Zip-Adapter-F (MVREC), cross-entropy, as released',
    'zipaf-normalized': 'Zip-Adapter-F, triplet between features of length 1',
}
_CROPS = {'defect': "the defect's box", 'fixed': 'fixed size'}
_MASKS = {'none': 'none (CLIP)', 'foreground': 'whole view', 'instance': 'instance'}
_VIEWS = ('scale', 'rotate', 'flip', 'offset')

TABLES = (
    PaperTable('Table 1: heads on MVTec-FS', _HEADS, main_dataset=True),
    PaperTable('Table 2: heads on other datasets', _HEADS, main_dataset=False),
    PaperTable(
        'Table 3: region and context (one centred view)',
        {
            f'context_{crop}-crop_{mask}-mask': f'crop: {crop_text}; mask: {mask_text}'
            for crop, crop_text in _CROPS.items()
            for mask, mask_text in _MASKS.items()
        },
    ),
    PaperTable(
        'Table 4: what varies from view to view',
        {
            'views_single': 'nothing (one view)',
            **{f'views_{one}': one for one in _VIEWS},
            **{
                f'views_{one}-{other}': f'{one} + {other}'
                for one in _VIEWS
                for other in _VIEWS
                if one != other
            },
        },
    ),
    PaperTable(
        'Table 5: what is trained',
        {
            'zipa': 'nothing (Zip-Adapter)',
            'train_keys': 'keys',
            'train_projection': 'ZIP projection',
            'zipaf': 'both (Zip-Adapter-F)',
        },
    ),
)


def paper_tables(comparison: dict) -> list[dict]:
    """Lay out the tables of which the comparison has at least two rows (Tables 1 and 2: one).

    Accuracies are averaged over the tasks of a dataset, mean and spread taken over the episodes.

    Args:
        comparison (dict): see :func:`mmvrec.benchmark.run.benchmark`.

    Returns:
        list[dict]: ``title``, ``columns`` (dataset and shots) and ``rows``: of each ``name``,
        ``label`` and ``cells``, None or ``mean``, ``std``, ``published`` (the released figure for
        the same products, or None) and ``difference`` (ours less it, or None).
    """
    tables, compared = [], comparison['columns']
    for table in TABLES:
        columns = [
            (dataset, shots)
            for dataset, shots in dict.fromkeys((c['dataset'], c['shots']) for c in compared)
            if table.main_dataset in (None, dataset.startswith('mvtecfs'))
        ]
        rows = [
            {
                'name': name,
                'label': label,
                'cells': [paper_cell(comparison, name, column) for column in columns],
            }
            for name, label in table.rows.items()
            if name in comparison['rows']
        ]
        rows = [row for row in rows if any(row['cells'])]
        if len(rows) >= (2 if table.main_dataset is None else 1):
            heads = [{'dataset': dataset, 'shots': shots} for dataset, shots in columns]
            tables.append({'title': table.title, 'columns': heads, 'rows': rows})
    return tables


def paper_cell(comparison: dict, row: str, column: tuple[str, int]) -> dict | None:
    """Average the tasks of a dataset, beside the released figure.

    Args:
        comparison (dict): see :func:`mmvrec.benchmark.run.benchmark`.
        row (str): of the comparison.
        column (tuple[str, int]): dataset and shots.

    Returns:
        dict | None: see :func:`paper_tables`; None where a task is missing.
    """
    own = [
        (c['task'], cell)
        for c, cell in zip(comparison['columns'], comparison['rows'][row]['cells'], strict=True)
        if (c['dataset'], c['shots']) == column
    ]
    if any(cell is None for _, cell in own):
        return None
    episodes = np.mean([cell['accuracies'] for _, cell in own], axis=0)
    mean, std, _ = summary(episodes)
    published = published_accuracy(row, column[0], [task for task, _ in own], column[1])
    return {
        'mean': mean,
        'std': std if len(episodes) > 1 else None,
        'published': published,
        'difference': None if published is None else mean - published,
    }


def paper_tables_markdown(comparison: dict) -> str:
    """Write :func:`paper_tables` as Markdown, the released figure and difference in brackets."""
    parts = [
        caption_of(
            comparison,
            'Mean over the tasks of a dataset. In brackets: the figure that the '
            'authors released, and ours less it.',
        )
    ]
    for table in paper_tables(comparison):
        titles = (f'{c["dataset"]} {c["shots"]}-shot' for c in table['columns'])
        header = ['', *map(markdown_cell, titles)]
        lines = [header, ['---', *['---:'] * len(table['columns'])]]
        lines += [[row['label'], *map(mean_and_published, row['cells'])] for row in table['rows']]
        parts.append(f'## {table["title"]}')
        parts.append('\n'.join(f'| {" | ".join(line)} |' for line in lines))
    return '\n\n'.join(parts) + '\n'


def mean_and_published(cell: dict | None) -> str:
    """Write ``mean ± std``, and in brackets the released figure and the difference to it."""
    if cell is None or cell['published'] is None:
        return mean_and_std(cell)
    return f'{mean_and_std(cell)} ({cell["published"]:.2f}, {cell["difference"]:+.2f})'


def paper_tables_csv(comparison: dict) -> str:
    """Write :func:`paper_tables` as CSV, a line per cell, numbers in percent with four decimals."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    numbers = ['mean', 'std', 'published', 'difference']
    writer.writerow(['table', 'row', 'label', 'dataset', 'shots', *numbers])
    for table in paper_tables(comparison):
        for row in table['rows']:
            for column, cell in zip(table['columns'], row['cells'], strict=True):
                values = [cell and cell[name] for name in numbers]
                texts = ['' if value is None else f'{value:.4f}' for value in values]
                where = [column['dataset'], column['shots']]
                writer.writerow([table['title'], row['name'], row['label'], *where, *texts])
    return file.getvalue()
