"""Comparing heads on banks that are extracted once."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, set_random_seed
from rich.progress import track

from mmvrec.benchmark.comparison import Column, compare, csv_table, markdown_table
from mmvrec.benchmark.composition import NamedConfig, compose, named_config
from mmvrec.benchmark.paper_tables import (
    paper_tables,
    paper_tables_csv,
    paper_tables_markdown,
)
from mmvrec.benchmark.result_log import ResultLog
from mmvrec.datasets.sources import warn_of_shared_images
from mmvrec.fewshot.evaluation import EvalUnit, evaluate_task
from mmvrec.fewshot.extraction import build_bank
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.fitting import TrainingSettings, fit_heads
from mmvrec.fewshot.protocol import FewShotProtocol
from mmvrec.fewshot.support import SupportSampler, make_support
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.heads import ZipAdapterFHead
from mmvrec.registry import MODELS
from mmvrec.structures import FeatureBank, LabelSpace, Provenance, describe_sources
from mmvrec.utils.files import atomic_write, check_output_folder
from mmvrec.version import __version__

#: Part of every key: results of another meaning of the fields are not taken for ours.
#: 3: labels follow the logits in double precision.
FORMAT_VERSION = 3
#: Episodes of one task and shot that are fitted together: 0 to 4, 5 to 9, …
EPISODES_TOGETHER = 5
_NEEDED = ('model', 'train_dataloader', 'test_dataloader', 'train_cfg', 'test_cfg', 'optim_wrapper')


@dataclass(frozen=True)
class Contender:
    """A head on a dataset: what one config brings to the comparison.

    Args:
        row (str): name of the head's row.
        dataset (str): name of the dataset.
        model (MVRECClassifier): makes the heads; backbone and text tower have been let go.
        settings (TrainingSettings): how they are trained.
        shots (tuple[int, ...]): the K that they are judged at, ascending.
        support (FeatureBank): the pool from which the episodes draw.
        query (FeatureBank): what the heads are judged on.
        provenance (dict[str, Provenance]): of the weights of ``backbone`` and ``text`` tower.
    """

    row: str
    dataset: str
    model: MVRECClassifier
    settings: TrainingSettings
    shots: tuple[int, ...]
    support: FeatureBank
    query: FeatureBank
    provenance: dict[str, Provenance]


@dataclass(frozen=True)
class Unit:
    """One task in one episode; ``key`` is a digest of all that its result depends on."""

    task: str
    episode: int
    key: str


@dataclass(frozen=True)
class Fit:
    """Heads that are fitted together: one per episode, judged on one task or, unified, on several.

    Args:
        contender (Contender): whose heads they are.
        shots (int): K.
        tasks (tuple[str, ...]): what each head tells apart.
        units (tuple[Unit, ...]): all tasks and episodes.
    """

    contender: Contender
    shots: int
    tasks: tuple[str, ...]
    units: tuple[Unit, ...]

    @property
    def episodes(self) -> list[int]:
        """The episodes, ascending."""
        return sorted({unit.episode for unit in self.units})


def benchmark(
    configs: Sequence[str],
    out: str | Path,
    shots: Sequence[int] | None = None,
    episodes: int = 5,
    seed: int = 0,
    reference: str | None = None,
    cfg_options: dict | None = None,
    **parts,
) -> dict:
    """Fit and judge the heads of several configs on the same episodes, and write the tables.

    Every finished fit is a line of ``out/results.jsonl``; called again, it is not repeated. One
    table of all is ``out/table.md``, ``out/table.csv`` and ``out/results.json``; laid out as in the
    paper they are ``out/paper_tables.md``, ``.csv`` and ``.json``.

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
        **parts: ``heads``, ``ablations``, ``datasets`` and ``backbone`` of configs that no file
            spells out, see :func:`compose`.

    Returns:
        dict: see :func:`compare`, with ``seed`` and ``weights`` (of every dataset of every row).

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
    named = [*map(named_config, configs), *compose(**parts)]
    if not named:
        raise ValueError('nothing to compare; name configs, or --heads and --datasets')
    _check_rows([(config.row, config.dataset) for config in named], reference)
    contenders = prepare(named, shots, seed, cfg_options or {})
    log = ResultLog(out / 'results.jsonl')
    fits = [fit for contender in contenders for fit in fits_of(contender, episodes, seed)]
    run_fits(fits, log, seed)
    comparison = compare(
        accuracies_of(fits, log.results), reference or default_reference(contenders)
    )
    comparison['seed'] = seed
    comparison['weights'], comparison['random_weights'] = {}, {}
    for c in contenders:
        is_random = any(part.is_random for part in c.provenance.values())
        comparison['weights'].setdefault(c.row, {})[c.dataset] = describe_sources(**c.provenance)
        comparison['random_weights'].setdefault(c.row, {})[c.dataset] = is_random
    write_tables(comparison, out)
    return comparison


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
    configs: Sequence[NamedConfig], shots: Sequence[int] | None, seed: int, cfg_options: dict
) -> list[Contender]:
    """Read the banks of the configs, and check that they can be compared.

    Args:
        configs (Sequence[NamedConfig]): what is compared.
        shots (Sequence[int], optional): see :func:`benchmark`.
        seed (int): see :func:`benchmark`.
        cfg_options (dict): overrides of every config.

    Returns:
        list[Contender]: one per config; equal banks are kept once.

    Raises:
        FileNotFoundError: there is no such data.
        ValueError: a config is no few-shot config, a class has fewer than K instances, or configs
            of one dataset differ in classes or instances. The config is named.
    """
    init_default_scope('mmvrec')
    contenders: list[Contender] = []
    banks: dict[str, FeatureBank] = {}
    for named in configs:
        named.config.merge_from_dict(cfg_options)
        try:
            contender = _contender(named, shots, banks)
            _check_shots(contender, seed)
            for other in contenders:
                if other.dataset == contender.dataset:
                    _check_same_instances(other, contender)
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{named.name}: {error}') from error
        except ValueError as error:
            raise ValueError(f'{named.name}: {error}') from error
        contenders.append(contender)
    return contenders


def _contender(
    named: NamedConfig, shots: Sequence[int] | None, banks: dict[str, FeatureBank]
) -> Contender:
    """The contender of a config; its banks are added to ``banks`` or taken from there."""
    config = named.config
    missing = [key for key in _NEEDED if config.get(key) is None]
    if missing:
        raise ValueError(f'this is no few-shot config, {missing} are missing')
    model = MODELS.build(config.model).to(get_device())
    loop = config.test_cfg
    loaders = [
        Runner.build_dataloader(config[loader], seed=config.get('randomness', {}).get('seed'))
        for loader in ('train_dataloader', 'test_dataloader')
    ]
    # Missing text weights are told before the extraction, not after it.
    model.text_feats(LabelSpace(loaders[0].dataset.task_classes))
    names = {field.name for field in fields(FewShotProtocol)}
    protocol = FewShotProtocol.from_config(
        config, **{key: value for key, value in loop.items() if key in names}
    )
    support, query = (
        build_bank(model, loader, protocol.cache_dir, loop.get('fp16', False)) for loader in loaders
    )
    support.label_space.check_queries(query.label_space)
    keys = fingerprint(support), fingerprint(query)
    if not banks.keys() >= set(keys):
        warn_of_shared_images(*(loader.dataset for loader in loaders))
    provenance = model.provenance
    # Many contenders are held at once; their features are made.
    model.backbone = model.text = None
    return Contender(
        row=named.row,
        dataset=named.dataset,
        model=model,
        settings=TrainingSettings.from_config(config),
        shots=tuple(sorted(set(shots or [protocol.shots]))),
        support=banks.setdefault(keys[0], support),
        query=banks.setdefault(keys[1], query),
        provenance=provenance,
    )


def _check_shots(contender: Contender, seed: int) -> None:
    for shots in contender.shots:
        SupportSampler(contender.support, contender.query.task_names, shots, seed)


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


def default_reference(contenders: Sequence[Contender]) -> str:
    """The first row whose head is a :class:`ZipAdapterFHead`, else the first."""
    for contender in contenders:
        if isinstance(contender.model.build_head(), ZipAdapterFHead):
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


def fits_of(contender: Contender, episodes: int, seed: int) -> list[Fit]:
    """All fits of a contender: its heads, then shots, then episodes, some together."""
    fits = []
    for tasks in contender.model.head_tasks(contender.query.task_names).values():
        content = _content(contender, tasks, seed)
        for shots in contender.shots:
            for first in range(0, episodes, EPISODES_TOGETHER):
                together = range(first, min(first + EPISODES_TOGETHER, episodes))
                units = [
                    Unit(task, episode, _key({**content, 'shots': shots}, task, episode))
                    for episode in together
                    for task in tasks
                ]
                fits.append(Fit(contender, shots, tuple(tasks), tuple(units)))
    return fits


def _content(contender: Contender, tasks: Sequence[str], seed: int) -> dict:
    """What the results of a head depend on, but for task, shots and episode."""
    model = contender.model
    text = model.text_feats(contender.support.label_space.subset(tasks))
    return {
        'format': FORMAT_VERSION,
        'version': __version__,
        'head': model.head_cfg,
        'unified': model.unified,
        'text': None if text is None else hashlib.sha256(text.cpu().numpy().tobytes()).hexdigest(),
        'training': asdict(contender.settings),
        'support': [fingerprint(contender.support.task(task)) for task in tasks],
        'query': {task: fingerprint(contender.query.task(task)) for task in tasks},
        'seed': seed,
    }


def _key(content: dict, task: str, episode: int) -> str:
    whole = {**content, 'query': content['query'][task], 'task': task, 'episode': episode}
    text = json.dumps(whole, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def run_fits(fits: Iterable[Fit], log: ResultLog, seed: int) -> None:
    """Fit and judge what the log does not hold yet, with a progress bar.

    Heads that are fitted together are so also when the results of some are known, so that a result
    does not depend on when the program was killed.

    Raises:
        ValueError: a head cannot be fitted; its row, task, shots and episodes are named.
    """
    wanted = {unit.key: fit for fit in fits for unit in fit.units}
    todo = list({id(fit): fit for key, fit in wanted.items() if key not in log.results}.values())
    missing = len(wanted.keys() - log.results.keys())
    foreign = len(log.results.keys() - wanted.keys())
    print_log(
        f'{log.path}: {len(wanted) - missing} of {len(wanted)} results reused, {missing} to '
        f'compute; {foreign} of other settings not used',
        logger='current',
    )
    for fit in track(todo, f'{missing} results', disable=not todo):
        contender = fit.contender
        try:
            results = judge(fit, seed)
        except ValueError as error:
            raise ValueError(
                f'{contender.row} on {contender.dataset}/{"+".join(fit.tasks)}, {fit.shots}-shot, '
                f'episodes {fit.episodes}: {error}'
            ) from error
        log.append(
            [
                {
                    'key': unit.key,
                    'row': contender.row,
                    'dataset': contender.dataset,
                    'task': unit.task,
                    'shots': fit.shots,
                    'episode': unit.episode,
                    'right': right,
                    'queries': queries,
                }
                for unit, (right, queries) in results
                if unit.key not in log.results
            ]
        )


def judge(fit: Fit, seed: int) -> list[tuple[Unit, tuple[int, int]]]:
    """Fit heads on their support sets and judge them on all queries of their tasks.

    Args:
        fit (Fit): what to fit and to judge.
        seed (int): seed of episode 0; with that of the first episode anything random is seeded.

    Returns:
        list: every unit with its number of right answers and of queries.
    """
    set_random_seed(seed + fit.episodes[0])
    contender, model = fit.contender, fit.contender.model
    sampler = SupportSampler(contender.support, fit.tasks, fit.shots, seed)
    supports = [make_support(model, sampler.draw(episode)) for episode in fit.episodes]
    heads = [model.build_head().to(get_device()) for _ in fit.episodes]
    heads_of = dict(zip(fit.episodes, fit_heads(heads, supports, contender.settings), strict=True))
    results = []
    for unit in fit.units:
        query = contender.query.task(unit.task)
        fitted = FittedClassifier(
            heads_of[unit.episode], supports[0].label_space, product=model.product_of(unit.task)
        )
        samples = evaluate_task(EvalUnit(unit.episode, query, fitted))
        right = sum(bool(sample.pred_label == sample.gt_label) for sample in samples)
        results.append((unit, (right, len(query))))
    return results


def accuracies_of(
    fits: Iterable[Fit], results: dict[str, tuple[int, int]]
) -> dict[str, dict[Column, np.ndarray]]:
    """Accuracies of finished fits.

    Args:
        fits (Iterable[Fit]): episodes in order.
        results (dict): right answers and queries by key, see :class:`ResultLog`.

    Returns:
        dict: by row and column: percent, float64, (episodes,).
    """
    grouped: dict[str, dict[Column, list[float]]] = {}
    for fit in fits:
        for unit in fit.units:
            right, queries = results[unit.key]
            column = (fit.contender.dataset, unit.task, fit.shots)
            cells = grouped.setdefault(fit.contender.row, {})
            cells.setdefault(column, []).append(100 * right / queries)
    return {
        row: {column: np.array(values) for column, values in cells.items()}
        for row, cells in grouped.items()
    }


def write_tables(comparison: dict, out: Path) -> None:
    """Write the tables and ``results.json``, each file whole or not at all."""
    contents = {
        'table.md': markdown_table(comparison),
        'table.csv': csv_table(comparison),
        'paper_tables.md': paper_tables_markdown(comparison),
        'paper_tables.csv': paper_tables_csv(comparison),
        'paper_tables.json': json.dumps(paper_tables(comparison), indent=1, allow_nan=False) + '\n',
        'results.json': json.dumps(comparison, indent=1, allow_nan=False) + '\n',
    }
    for name, content in contents.items():
        with atomic_write(out / name) as temporary:
            temporary.write_bytes(content.encode())
