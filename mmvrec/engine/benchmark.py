"""Comparing heads on banks that are extracted once."""

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, set_random_seed
from rich.progress import track

from mmvrec.datasets.samplers import EpisodeSampler
from mmvrec.engine.extraction import DEFAULT_CACHE_DIR, build_bank
from mmvrec.engine.fitting import TrainingSettings, fit_head
from mmvrec.engine.loops.few_shot_test import check_same_classes
from mmvrec.evaluation.few_shot_metric import summary
from mmvrec.models.heads import ZipAdapterFHead
from mmvrec.registry import MODELS
from mmvrec.structures import FeatureBank
from mmvrec.utils.files import atomic_write
from mmvrec.utils.resources import config_file
from mmvrec.version import __version__

#: Part of every key: results of another meaning of the fields are not taken for ours.
FORMAT_VERSION = 1
_NAME = re.compile(r'(?P<row>.+)_\d+shot_(?P<dataset>.+)')
_NEEDED = ('model', 'train_dataloader', 'test_dataloader', 'train_cfg', 'test_cfg', 'optim_wrapper')

#: Dataset, task and shots: what a column of the tables stands for.
Column = tuple[str, str, int]


@dataclass(frozen=True)
class Contender:
    """A head on a dataset: what one config brings to the comparison.

    Args:
        row (str): name of the head's row.
        dataset (str): name of the dataset.
        head (dict): config of the head.
        settings (TrainingSettings): how it is trained.
        shots (tuple[int, ...]): the K that it is judged at, ascending.
        support (FeatureBank): the pool from which the episodes draw.
        query (FeatureBank): what the head is judged on.
        weights (str): where the backbone's weights come from.
    """

    row: str
    dataset: str
    head: dict
    settings: TrainingSettings
    shots: tuple[int, ...]
    support: FeatureBank
    query: FeatureBank
    weights: str


@dataclass(frozen=True)
class Unit:
    """One head to fit and to judge; ``key`` is a digest of all that its result depends on."""

    contender: Contender
    task: str
    shots: int
    episode: int
    key: str


def benchmark(
    configs: Sequence[str],
    out: str | Path,
    shots: Sequence[int] | None = None,
    episodes: int = 5,
    seed: int = 0,
    reference: str | None = None,
    cfg_options: dict | None = None,
) -> dict:
    """Fit and judge the heads of several configs on the same episodes, and write the tables.

    Every finished fit is a line of ``out/results.jsonl``; called again, it is not repeated. The
    tables are ``out/table.md``, ``out/table.csv`` and ``out/results.json``.

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

    Returns:
        dict: see :func:`compare`, with ``seed`` and ``weights`` (of every dataset of every row).

    Raises:
        FileNotFoundError: there is no such config or no such data.
        ValueError: an argument, a config or ``out/results.jsonl`` is not as described.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f'--out must be a folder, {out} is a file')
    if episodes < 1:
        raise ValueError(f'episodes must be at least 1, got {episodes}')
    names = [_row_and_dataset(config) for config in configs]
    _check_rows(names, reference)
    contenders = prepare(configs, shots, seed, cfg_options or {})
    log = ResultLog(out / 'results.jsonl')
    units = [unit for c in contenders for unit in units_of(c, episodes, seed)]
    run_units(units, log, seed)
    comparison = compare(
        accuracies_of(units, log.results), reference or default_reference(contenders)
    )
    comparison['seed'] = seed
    comparison['weights'] = weights = {}
    for c in contenders:
        weights.setdefault(c.row, {})[c.dataset] = c.weights
    write_tables(comparison, out)
    return comparison


def _row_and_dataset(config: str) -> tuple[str, str]:
    match = _NAME.fullmatch(Path(config).stem)
    if match is None:
        raise ValueError(
            f'{config}: a config to compare is named <head>_<K>shot_<dataset>.py, as '
            'zipa_5shot_mtd.py, for its row and its columns; rename it'
        )
    return match['row'], match['dataset']


def _check_rows(names: Sequence[tuple[str, str]], reference: str | None) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f'several configs of row {repeated[0][0]!r} on dataset {repeated[0][1]!r}; name one, '
            'and the shots by --shots'
        )
    rows = list(dict.fromkeys(row for row, _ in names))
    if reference is not None and reference not in rows:
        raise ValueError(f'--reference must be one of the rows {rows}, got {reference!r}')


def prepare(
    configs: Sequence[str], shots: Sequence[int] | None, seed: int, cfg_options: dict
) -> list[Contender]:
    """Read the configs and their banks, and check that they can be compared.

    Args:
        configs (Sequence[str]): see :func:`benchmark`.
        shots (Sequence[int], optional): see :func:`benchmark`.
        seed (int): see :func:`benchmark`.
        cfg_options (dict): overrides of every config.

    Returns:
        list[Contender]: one per config; equal banks are kept once.

    Raises:
        FileNotFoundError: there is no such config or no such data.
        ValueError: a config is no few-shot config, a class has fewer than K instances, or configs
            of one dataset differ in classes or instances. The config is named.
    """
    init_default_scope('mmvrec')
    paths = [config_file(config) for config in configs]
    contenders: list[Contender] = []
    banks: dict[str, FeatureBank] = {}
    for path in paths:
        config = Config.fromfile(path)
        config.merge_from_dict(cfg_options)
        try:
            contender = _contender(path, config, shots, banks)
            _check_shots(contender, seed)
            for other in contenders:
                if other.dataset == contender.dataset:
                    _check_same_instances(other, contender)
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{path.name}: {error}') from error
        except ValueError as error:
            raise ValueError(f'{path.name}: {error}') from error
        contenders.append(contender)
    return contenders


def _contender(
    path: Path, config: Config, shots: Sequence[int] | None, banks: dict[str, FeatureBank]
) -> Contender:
    """The contender of a config; its banks are added to ``banks`` or taken from there."""
    missing = [key for key in _NEEDED if config.get(key) is None]
    if missing:
        raise ValueError(f'this is no few-shot config, {missing} are missing')
    model = MODELS.build(config.model).to(get_device())
    loops = config.test_cfg
    support, query = (
        build_bank(
            model,
            Runner.build_dataloader(config[loader], seed=config.get('randomness', {}).get('seed')),
            loops.get('cache_dir', DEFAULT_CACHE_DIR),
            loops.get('fp16', False),
        )
        for loader in ('train_dataloader', 'test_dataloader')
    )
    check_same_classes(support.class_names, query.class_names, query.task_names)
    row, dataset = _row_and_dataset(path.name)
    return Contender(
        row=row,
        dataset=dataset,
        head=config.model.head.to_dict(),
        settings=TrainingSettings.from_config(config),
        shots=tuple(sorted(set(shots or [loops.get('shots', 5)]))),
        support=banks.setdefault(fingerprint(support), support),
        query=banks.setdefault(fingerprint(query), query),
        weights=model.weights_source,
    )


def _check_shots(contender: Contender, seed: int) -> None:
    for task in contender.query.task_names:
        for shots in contender.shots:
            _sampler(contender, task, shots, seed)


def _check_same_instances(one: Contender, other: Contender) -> None:
    """Check that differences between two heads of a dataset are paired."""
    for split in ('support', 'query'):
        a, b = getattr(one, split), getattr(other, split)
        if a.class_names != b.class_names:
            raise ValueError(
                f'the {split} set of dataset {one.dataset!r} has the classes {b.class_names}, but '
                f'{a.class_names} in the config of {one.row!r}; compare heads on the same data'
            )
        if (a.tasks, a.ids, a.labels.tolist()) != (b.tasks, b.ids, b.labels.tolist()):
            raise ValueError(
                f'the {split} set of dataset {one.dataset!r} has other instances than in the '
                f'config of {one.row!r} ({len(b)} and {len(a)}); compare heads on the same data'
            )


def _sampler(contender: Contender, task: str, shots: int, seed: int) -> EpisodeSampler:
    pool = contender.support
    labels = pool.labels[pool.task_indices(task)].tolist()
    return EpisodeSampler(labels, pool.class_names[task], shots, seed, task)


def default_reference(contenders: Sequence[Contender]) -> str:
    """The first row whose head is a :class:`ZipAdapterFHead`, else the first."""
    for contender in contenders:
        if isinstance(MODELS.build(dict(contender.head)), ZipAdapterFHead):
            return contender.row
    return contenders[0].row


def fingerprint(bank: FeatureBank) -> str:
    """SHA-256 over features, labels, tasks, ids and the class names of the tasks."""
    content = {
        'shape': bank.feats.shape,
        'labels': bank.labels.tolist(),
        'tasks': bank.tasks,
        'ids': bank.ids,
        'classes': {task: bank.class_names[task] for task in bank.task_names},
    }
    digest = hashlib.sha256(json.dumps(content).encode())
    digest.update(bank.feats.contiguous().numpy().tobytes())
    return digest.hexdigest()


def units_of(contender: Contender, episodes: int, seed: int) -> list[Unit]:
    """All fits of a contender: tasks in the order of the queries, then shots, then episodes."""
    units = []
    for task in contender.query.task_names:
        content = {
            'format': FORMAT_VERSION,
            'version': __version__,
            'head': contender.head,
            'training': asdict(contender.settings),
            'support': fingerprint(contender.support.task(task)),
            'query': fingerprint(contender.query.task(task)),
            'seed': seed,
            'task': task,
        }
        for shots in contender.shots:
            for episode in range(episodes):
                whole = {**content, 'shots': shots, 'episode': episode}
                text = json.dumps(whole, sort_keys=True, default=repr)
                key = hashlib.sha256(text.encode()).hexdigest()
                units.append(Unit(contender, task, shots, episode, key))
    return units


class ResultLog:
    """Finished units, one JSON line each, in a file that survives being killed.

    Args:
        path (str | Path): the file; its folder is created. A last line without line break was
            being written when the program was killed, and is removed.

    Raises:
        ValueError: another line is not a result.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        #: Right answers and queries of every finished unit, by its key.
        self.results: dict[str, tuple[int, int]] = {}
        content = self.path.read_bytes() if self.path.exists() else b''
        lines, line_break, torn = content.rpartition(b'\n')
        if torn:
            os.truncate(self.path, len(lines + line_break))
        for number, line in enumerate(lines.splitlines(), 1):
            try:
                record = json.loads(line)
                self.results[record['key']] = (record['right'], record['queries'])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f'line {number} of {self.path} is not a result ({error}); remove the line, or '
                    'name another --out'
                ) from error

    def append(self, unit: Unit, right: int, queries: int) -> None:
        """Add a finished unit; when this returns it is on the disk."""
        record = {
            'key': unit.key,
            'row': unit.contender.row,
            'dataset': unit.contender.dataset,
            'task': unit.task,
            'shots': unit.shots,
            'episode': unit.episode,
            'right': right,
            'queries': queries,
        }
        with self.path.open('ab') as file:
            file.write(json.dumps(record).encode() + b'\n')
            file.flush()
            os.fsync(file.fileno())
        self.results[unit.key] = (right, queries)


def run_units(units: Iterable[Unit], log: ResultLog, seed: int) -> None:
    """Fit and judge what the log does not hold yet, with a progress bar.

    Raises:
        ValueError: a head cannot be fitted; its row, task, shots and episode are named.
    """
    wanted = {unit.key: unit for unit in units}
    todo = [unit for key, unit in wanted.items() if key not in log.results]
    foreign = len(log.results.keys() - wanted.keys())
    print_log(
        f'{log.path}: {len(wanted) - len(todo)} of {len(wanted)} results reused, {len(todo)} to '
        f'compute; {foreign} of other settings not used',
        logger='current',
    )
    for unit in track(todo, f'Fitting {len(todo)} heads', disable=not todo):
        try:
            result = judge(unit, seed)
        except ValueError as error:
            raise ValueError(
                f'{unit.contender.row} on {unit.contender.dataset}/{unit.task}, '
                f'{unit.shots}-shot, episode {unit.episode}: {error}'
            ) from error
        log.append(unit, *result)


def judge(unit: Unit, seed: int) -> tuple[int, int]:
    """Fit the head of a unit on its support set and judge it on all queries of its task.

    Args:
        unit (Unit): the unit.
        seed (int): seed of episode 0; also that of anything random in the head.

    Returns:
        tuple[int, int]: number of right answers and of queries.
    """
    set_random_seed(seed + unit.episode)
    contender, device = unit.contender, get_device()
    sampler = _sampler(contender, unit.task, unit.shots, seed)
    drawn = contender.support.task(unit.task).select(sampler.draw(unit.episode))
    head = fit_head(
        MODELS.build(dict(contender.head)).to(device),
        drawn.feats.to(device),
        drawn.labels.to(device),
        len(drawn.class_names[unit.task]),
        contender.settings,
    )
    query = contender.query.task(unit.task)
    with torch.no_grad():
        answers = head.predict(query.feats.to(device)).argmax(1).cpu()
    return int((answers == query.labels).sum()), len(query)


def accuracies_of(
    units: Iterable[Unit], results: dict[str, tuple[int, int]]
) -> dict[str, dict[Column, np.ndarray]]:
    """Accuracies of finished units.

    Args:
        units (Iterable[Unit]): episodes in order.
        results (dict): right answers and queries by key, see :class:`ResultLog`.

    Returns:
        dict: by row and column: percent, float64, (episodes,).
    """
    grouped: dict[str, dict[Column, list[float]]] = {}
    for unit in units:
        right, queries = results[unit.key]
        column = (unit.contender.dataset, unit.task, unit.shots)
        cells = grouped.setdefault(unit.contender.row, {})
        cells.setdefault(column, []).append(100 * right / queries)
    return {
        row: {column: np.array(values) for column, values in cells.items()}
        for row, cells in grouped.items()
    }


def paired_difference(accuracies: np.ndarray, reference: np.ndarray) -> dict[str, float | None]:
    """Mean paired difference and its 95 % confidence interval.

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


def compare(accuracies: dict[str, dict[Column, np.ndarray]], reference: str) -> dict:
    """Mean, spread and paired difference of every row.

    The mean of a row weighs all columns alike. Its spread, and the difference to the reference, are
    over the episodes' means over the columns. A row that lacks a column has neither.

    Args:
        accuracies (dict): by row and column: percent, float, (episodes,).
        reference (str): row that the others are compared with.

    Returns:
        dict: ``reference``, ``episodes``, ``columns`` (dataset, task and shots) and ``rows``. A row
        has ``cells`` (one per column, None where it has none) and ``mean`` (over all, or None),
        each with ``accuracies``, ``mean``, ``std``, ``ci95`` (see :func:`summary`; of one episode
        ``std`` and ``ci95`` are None) and ``difference`` (see :func:`paired_difference`; None in
        the reference's row and where it has no number).
    """
    found = {column for cells in accuracies.values() for column in cells}
    order = list(dict.fromkeys(c[:2] for cells in accuracies.values() for c in cells))
    columns = sorted(found, key=lambda c: (order.index(c[:2]), c[2]))
    values = {row: [cells.get(c) for c in columns] for row, cells in accuracies.items()}
    for cells in values.values():
        complete = all(cell is not None for cell in cells)
        cells.append(np.mean(cells, axis=0) if complete else None)
    rows = {}
    for row, cells in values.items():
        others = [None] * len(cells) if row == reference else values[reference]
        *singles, mean = [_statistics(a, b) for a, b in zip(cells, others, strict=True)]
        rows[row] = {'cells': singles, 'mean': mean}
    episodes = len(next(iter(next(iter(accuracies.values())).values())))
    return {
        'reference': reference,
        'episodes': episodes,
        'columns': [dict(zip(('dataset', 'task', 'shots'), c, strict=True)) for c in columns],
        'rows': rows,
    }


def _statistics(accuracies: np.ndarray | None, reference: np.ndarray | None) -> dict | None:
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


def write_tables(comparison: dict, out: Path) -> None:
    """Write ``table.md``, ``table.csv`` and ``results.json``, each whole or not at all."""
    contents = {
        'table.md': markdown_table(comparison),
        'table.csv': csv_table(comparison),
        'results.json': json.dumps(comparison, indent=1) + '\n',
    }
    for name, content in contents.items():
        with atomic_write(out / name) as temporary:
            temporary.write_bytes(content.encode())


def _titles(comparison: dict) -> list[str]:
    return [f'{c["dataset"]}/{c["task"]} {c["shots"]}-shot' for c in comparison['columns']]


def markdown_table(comparison: dict) -> str:
    """The comparison as a Markdown table with a caption that names weights that are random.

    Args:
        comparison (dict): see :func:`benchmark`.

    Returns:
        str: the text of ``table.md``.
    """
    reference = comparison['reference']
    header = ['head', *_titles(comparison), 'mean', f'difference to {reference} [95 % CI]']
    lines = [header, ['---', *['---:'] * (len(header) - 1)]]
    for name, row in comparison['rows'].items():
        cells = [_mean_and_std(cell) for cell in (*row['cells'], row['mean'])]
        difference = 'reference' if name == reference else _difference(row['mean'])
        lines.append([name, *cells, difference])
    table = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
    return f'{_caption(comparison)}\n\n{table}\n'


def _caption(comparison: dict) -> str:
    sentences = [
        f'Accuracy (%), mean ± standard deviation over {comparison["episodes"]} episodes (seed '
        f'{comparison["seed"]}).',
        'The difference is paired by episode (mean over all columns), its interval that of '
        "Student's t.",
    ]
    weights = comparison['weights'].values()
    sources = {(d, s): None for row in weights for d, s in row.items() if s.startswith('random')}
    sentences += [
        f"**The backbone's weights of {dataset} are {source}: its numbers show that the program "
        'runs, not what a method can do.**'
        for dataset, source in sources
    ]
    return ' '.join(sentences)


def _mean_and_std(cell: dict | None) -> str:
    if cell is None:
        return '-'
    return f'{cell["mean"]:.2f}' + ('' if cell['std'] is None else f' ± {cell["std"]:.2f}')


def _difference(cell: dict | None) -> str:
    difference = cell and cell['difference']
    if not difference:
        return '-'
    mean = f'{difference["mean"]:+.2f}'
    if difference['low'] is None:
        return mean
    return f'{mean} [{difference["low"]:+.2f}, {difference["high"]:+.2f}]'


def csv_table(comparison: dict) -> str:
    """The comparison as CSV: a line per row, numbers in percent with four decimals.

    Args:
        comparison (dict): see :func:`benchmark`.

    Returns:
        str: the text of ``table.csv``. What is not known is empty.
    """
    titles = [*_titles(comparison), 'mean']
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    numbers = [f'{title}{suffix}' for title in titles for suffix in ('', ' std')]
    differences = ['difference', 'difference low', 'difference high']
    writer.writerow(['head', *numbers, *differences, 'reference', 'weights'])
    for name, row in comparison['rows'].items():
        values = []
        for cell in (*row['cells'], row['mean']):
            values += [cell['mean'], cell['std']] if cell else [None, None]
        difference = (row['mean'] or {}).get('difference') or {}
        values += [difference.get(key) for key in ('mean', 'low', 'high')]
        weights = '; '.join(f'{d}: {s}' for d, s in comparison['weights'][name].items())
        texts = ['' if value is None else f'{value:.4f}' for value in values]
        writer.writerow([name, *texts, comparison['reference'], weights])
    return file.getvalue()
