"""Comparing heads on banks that are extracted once."""

import json
from collections.abc import Sequence
from pathlib import Path

from mmvrec.benchmark.comparison import compare, csv_table, markdown_table
from mmvrec.benchmark.composition import NamedConfig, compose, named_config
from mmvrec.benchmark.entries import BenchmarkEntry, prepare_entries, short_classes
from mmvrec.benchmark.episodes import accuracies_of, plan_batches, queries_of, run_batches
from mmvrec.benchmark.paper_chart import draw_figure, figure_markdown, figure_series
from mmvrec.benchmark.paper_run import PAPER_DATASETS, paper_configs
from mmvrec.benchmark.paper_tables import (
    paper_tables,
    paper_tables_csv,
    paper_tables_markdown,
)
from mmvrec.benchmark.planning import plan_run, plan_text
from mmvrec.benchmark.result_log import ResultLog
from mmvrec.models.heads import ZipAdapterFHead
from mmvrec.structures import describe_sources
from mmvrec.utils.files import atomic_write, check_output_folder


def benchmark(
    configs: Sequence[str],
    out: str | Path,
    shots: Sequence[int] | None = None,
    episodes: int = 5,
    seed: int = 0,
    reference: str | None = None,
    cfg_options: dict | None = None,
    paper: bool = False,
    **parts,
) -> dict:
    """Evaluate the heads of several configs on the same episodes, and write the tables.

    Every finished result is a line of ``out/results.jsonl``; called again, it is not repeated. One
    table of all is ``out/table.md``, ``out/table.csv`` and ``out/results.json``; laid out as in the
    paper they are ``out/paper_tables.md``, ``.csv`` and ``.json``, and of the datasets of its
    Figure 6 ``out/figure6.md`` and ``.png``.

    Args:
        configs (Sequence[str]): config files named ``<head>_<K>shot_<dataset>.py``, see
            :func:`config_file`. The head is a row, the dataset a group of columns.
        out (str | Path): folder of the results.
        shots (Sequence[int], optional): K, support instances per class. Defaults to the configs'.
        episodes (int): draws of the support set. Defaults to 5.
        seed (int): seed of episode 0, see :class:`EpisodeSampler`. Defaults to 0.
        reference (str, optional): row that the others are compared with. Defaults to the first
            whose head is a :class:`ZipAdapterFHead`, else the first.
        cfg_options (dict, optional): overrides of every config.
        paper (bool): all of the paper, see :func:`paper_configs`, on its datasets or the
            ``datasets`` named; what that takes is printed before. Defaults to False.
        **parts: ``heads``, ``ablations``, ``datasets`` and ``backbone`` of configs that no file
            spells out, see :func:`compose`.

    Returns:
        dict: see :func:`compare`, with ``seed``, ``weights`` and ``random_weights`` (of every
        dataset of every row), and ``fewer_shots``: ``dataset``, ``task``, ``shots`` and ``classes``
        with their number of instances, where it is less than K and all of them were taken.

    Raises:
        FileNotFoundError: there is no such config or no such data.
        ValueError: an argument, a config or ``out/results.jsonl`` is not as described.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f'--out must be a folder, {out} is a file')
    check_output_folder(out)
    if episodes < 1:
        raise ValueError(f'episodes must be at least 1, got {episodes}')
    named = [*map(named_config, configs), *(paper_parts(**parts) if paper else compose(**parts))]
    if not named:
        raise ValueError('nothing to compare; name configs, or --heads and --datasets')
    check_rows(named, reference)
    if paper:
        print(plan_text(plan_run(named, cfg_options or {}, shots, episodes)), flush=True)
    entries = prepare_entries(named, shots, seed, cfg_options or {})
    log = ResultLog(out / 'results.jsonl')
    batches = [batch for entry in entries for batch in plan_batches(entry, episodes, seed)]
    run_batches(batches, log, seed)
    comparison = compare(
        accuracies_of(batches, log.results),
        reference or default_reference(entries),
        queries_of(batches),
    )
    comparison['seed'] = seed
    comparison['weights'], comparison['random_weights'] = {}, {}
    comparison['fewer_shots'] = []
    for c in entries:
        is_random = any(part.is_random for part in c.provenance.values())
        comparison['weights'].setdefault(c.row, {})[c.dataset] = describe_sources(**c.provenance)
        comparison['random_weights'].setdefault(c.row, {})[c.dataset] = is_random
        for (task, number), classes in short_classes(c, seed).items():
            short = {'dataset': c.dataset, 'task': task, 'shots': number, 'classes': classes}
            if short not in comparison['fewer_shots']:
                comparison['fewer_shots'].append(short)
    write_tables(comparison, out)
    return comparison


def paper_parts(
    heads: Sequence[str] = (),
    ablations: Sequence[str] = (),
    datasets: Sequence[str] = (),
    backbone: str | None = None,
) -> list[NamedConfig]:
    """List all of the paper on the datasets named, or on all of its own.

    Raises:
        ValueError: heads or ablations are named, or a dataset that the paper has not.
    """
    if heads or ablations:
        raise ValueError('--paper names all heads and ablations; leave out --heads and --ablations')
    return paper_configs(datasets or PAPER_DATASETS, backbone)


def check_rows(configs: Sequence[NamedConfig], reference: str | None) -> None:
    """Check that no two configs have the same row and dataset, and that the reference is a row.

    Raises:
        ValueError: they have, or it is not.
    """
    names = [(config.row, config.dataset) for config in configs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f'several configs of row {repeated[0][0]!r} on dataset {repeated[0][1]!r}; name one, '
            'and the shots by --shots'
        )
    rows = list(dict.fromkeys(row for row, _ in names))
    if reference is not None and reference not in rows:
        raise ValueError(f'--reference must be one of the rows {rows}, got {reference!r}')


def default_reference(entries: Sequence[BenchmarkEntry]) -> str:
    """Name the first row whose head is a :class:`ZipAdapterFHead`, else the first."""
    for entry in entries:
        if isinstance(entry.model.build_head(), ZipAdapterFHead):
            return entry.row
    return entries[0].row


def write_tables(comparison: dict, out: Path) -> None:
    """Write tables, ``results.json`` and Figure 6, each file whole or not at all."""
    contents = {
        'table.md': markdown_table(comparison),
        'table.csv': csv_table(comparison),
        'paper_tables.md': paper_tables_markdown(comparison),
        'paper_tables.csv': paper_tables_csv(comparison),
        'paper_tables.json': json.dumps(paper_tables(comparison), indent=1, allow_nan=False) + '\n',
        'results.json': json.dumps(comparison, indent=1, allow_nan=False) + '\n',
    }
    if figure_series(comparison):
        contents['figure6.md'] = figure_markdown(comparison)
    for name, content in contents.items():
        with atomic_write(out / name) as temporary:
            temporary.write_bytes(content.encode())
    if figure_series(comparison):
        with atomic_write(out / 'figure6.png') as temporary:
            draw_figure(comparison).savefig(temporary, format='png')
