"""All of the paper in one comparison: Tables 1 to 5 and Figure 6."""

from collections.abc import Sequence

from mmvrec.benchmark.composition import NamedConfig, compose
from mmvrec.benchmark.paper_chart import FIGURE_SHOTS
from mmvrec.benchmark.paper_figures import SHOTS, paper_rows
from mmvrec.registry import MODELS

#: What the paper compares on.
PAPER_DATASETS = ('mvtecfs', *FIGURE_SHOTS)


def paper_configs(
    datasets: Sequence[str] = PAPER_DATASETS, backbone: str | None = None
) -> list[NamedConfig]:
    """List what fills Tables 1 to 5 and Figure 6.

    On MVTec-FS all rows of the tables, at 1, 3 and 5 shots. On the other datasets the classifiers
    of Table 1, at the shots of the figure. Other backbones than the paper's have no text tower:
    with one, heads that look at class names are left out.

    Args:
        datasets (Sequence[str]): some of ``PAPER_DATASETS``. Defaults to all.
        backbone (str, optional): see :func:`compose`.

    Returns:
        list[NamedConfig]: with their shots.

    Raises:
        ValueError: the paper has no such dataset.
    """
    unknown = sorted(set(datasets) - set(PAPER_DATASETS))
    if unknown:
        raise ValueError(f'the paper is about the datasets {list(PAPER_DATASETS)}, not {unknown}')
    named = []
    for dataset in datasets:
        rows = [row for row in paper_rows() if dataset == 'mvtecfs' or row.table == 1]
        names = list(dict.fromkeys(row.row for row in rows))
        shots = SHOTS if dataset == 'mvtecfs' else FIGURE_SHOTS[dataset]
        ablations = [n for n in names if n.rpartition(':')[2].count('_')]
        heads = [name for name in names if name not in ablations]
        composed = compose(heads, ablations, [dataset], backbone)
        named += [config._replace(shots=shots) for config in composed]
    if backbone is None:
        return named
    return [c for c in named if not MODELS.get(c.config.model.head.type).needs_text]
