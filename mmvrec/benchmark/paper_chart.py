"""Accuracy by shots on NEU-DET, PCB, MTD and AITEX, as Figure 6 of the paper."""

from matplotlib.figure import Figure

from mmvrec.benchmark.comparison import caption_of, mean_and_std
from mmvrec.benchmark.paper_figures import paper_rows
from mmvrec.benchmark.paper_tables import results_of
from mmvrec.evaluation.few_shot_metric import summary
from mmvrec.utils.text import markdown_cell
from mmvrec.visualization.figures import new_figure

#: Datasets of the figure and the shots that it has of them; it prints no values.
FIGURE_SHOTS = {
    'neudet': (1, 3, 5, 10, 15, 20),
    'pcb': (1, 3, 5, 10, 15, 20),
    'mtd': (1, 3, 5, 10, 15, 20),
    'aitex': (1, 3, 5),
}
_PANEL_INCHES = 4.2
_MARKERS = 'osD^vPX*<>'


def figure_series(comparison: dict) -> list[dict]:
    """Collect the accuracies of Figure 6 that were compared.

    Args:
        comparison (dict): see :func:`mmvrec.benchmark.run.benchmark`.

    Returns:
        list[dict]: for every dataset of the figure that is there ``dataset``, ``shots`` (those of
        the figure and those that were compared) and ``rows``: of each ``row``, ``label`` and
        ``cells``, a dictionary with ``mean`` and ``std`` in percent for every shots, or None.
    """
    panels = []
    labels = {row.row: row.label for row in paper_rows() if row.table == 2}
    for dataset in dict.fromkeys(column['dataset'] for column in comparison['columns']):
        wanted = FIGURE_SHOTS.get(dataset.partition('_')[0])
        if wanted is None:
            continue
        compared = {c['shots'] for c in comparison['columns'] if c['dataset'] == dataset}
        shots = sorted({*wanted, *compared})
        rows = [
            {
                'row': row,
                'label': labels.get(row, row),
                'cells': [_cell(comparison, row, dataset, number) for number in shots],
            }
            for row in comparison['rows']
            if results_of(comparison, row, dataset)
        ]
        panels.append({'dataset': dataset, 'shots': shots, 'rows': rows})
    return panels


def _cell(comparison: dict, row: str, dataset: str, shots: int) -> dict | None:
    results = results_of(comparison, row, dataset)
    # Each of these datasets is one task.
    own = [accuracies for (_, number), accuracies in results.items() if number == shots]
    if not own:
        return None
    mean, std, _ = summary(own[0])
    return {'mean': mean, 'std': std if len(own[0]) > 1 else None}


def figure_markdown(comparison: dict) -> str:
    """Write :func:`figure_series` as Markdown tables."""
    parts = [caption_of(comparison, 'The paper prints no values of its Figure 6.')]
    for panel in figure_series(comparison):
        header = ['', *(f'{shots}-shot' for shots in panel['shots'])]
        lines = [header, ['---', *['---:'] * len(panel['shots'])]]
        lines += [
            [markdown_cell(row['label']), *map(mean_and_std, row['cells'])] for row in panel['rows']
        ]
        parts.append(f'## Figure 6: {markdown_cell(panel["dataset"])}')
        parts.append('\n'.join(f'| {" | ".join(line)} |' for line in lines))
    return '\n\n'.join(parts) + '\n'


def draw_figure(comparison: dict) -> Figure:
    """Draw :func:`figure_series`, which may not be empty: a panel per dataset, a line per row."""
    panels = figure_series(comparison)
    figure = new_figure(_PANEL_INCHES * len(panels), _PANEL_INCHES)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for index, row in enumerate(panel['rows']):
            drawn = [(k, c) for k, c in zip(panel['shots'], row['cells'], strict=True) if c]
            axes.errorbar(
                [shots for shots, _ in drawn],
                [cell['mean'] for _, cell in drawn],
                [cell['std'] or 0.0 for _, cell in drawn],
                marker=_MARKERS[index % len(_MARKERS)],
                capsize=3,
                label=row['label'],
            )
        axes.set(title=panel['dataset'], xlabel='shots', ylabel='accuracy (%)')
        axes.set_xticks(panel['shots'])
        axes.legend(fontsize='x-small')
    return figure
