"""Entries of a comparison: a head on a dataset, its banks extracted once."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields

from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmvrec.benchmark.composition import NamedConfig
from mmvrec.datasets.sources import warn_of_shared_images
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.fewshot.protocol import FewShotProtocol
from mmvrec.fewshot.support import SupportSampler
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.registry import MODELS
from mmvrec.structures import FeatureBank, LabelSpace, Provenance

_NEEDED = ('model', 'train_dataloader', 'test_dataloader', 'train_cfg', 'test_cfg', 'optim_wrapper')


@dataclass(frozen=True)
class BenchmarkEntry:
    """A head on a dataset: what one config brings to the comparison.

    Args:
        row (str): name of the head's row.
        dataset (str): name of the dataset.
        model (MVRECClassifier): makes the heads; backbone and text tower have been let go.
        settings (TrainingSettings): how they are trained.
        shots (tuple[int, ...]): the K that they are evaluated at, ascending.
        support (FeatureBank): the pool from which the episodes draw.
        query (FeatureBank): what the heads are evaluated on.
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


def prepare_entries(
    configs: Sequence[NamedConfig], shots: Sequence[int] | None, seed: int, cfg_options: dict
) -> list[BenchmarkEntry]:
    """Read the banks of the configs, and check that they can be compared.

    Args:
        configs (Sequence[NamedConfig]): what is compared.
        shots (Sequence[int], optional): see :func:`benchmark`.
        seed (int): see :func:`benchmark`.
        cfg_options (dict): overrides of every config.

    Returns:
        list[BenchmarkEntry]: one per config; equal banks are kept once.

    Raises:
        FileNotFoundError: there is no such data.
        ValueError: a config is no few-shot config, a class has no instance to draw, or configs of
            one dataset differ in classes or instances. The config is named.
    """
    init_default_scope('mmvrec')
    entries: list[BenchmarkEntry] = []
    banks: dict[str, FeatureBank] = {}
    for named in configs:
        named.config.merge_from_dict(cfg_options)
        try:
            entry = prepare_entry(named, shots, banks)
            # Raises where a class has no instance.
            short_classes(entry, seed)
            for other in entries:
                if other.dataset == entry.dataset:
                    _check_same_instances(other, entry)
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{named.name}: {error}') from error
        except ValueError as error:
            raise ValueError(f'{named.name}: {error}') from error
        entries.append(entry)
    return entries


def prepare_entry(
    named: NamedConfig, shots: Sequence[int] | None, banks: dict[str, FeatureBank]
) -> BenchmarkEntry:
    """Read the entry of one config.

    Args:
        named (NamedConfig): the config.
        shots (Sequence[int], optional): see :func:`benchmark`.
        banks (dict[str, FeatureBank]): those of earlier entries by :func:`fingerprint`; new ones
            are added, equal ones taken from here.

    Raises:
        FileNotFoundError: there is no such data.
        ValueError: it is no few-shot config, or the queries have other classes than the support.
    """
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
    # Missing text weights are reported before the extraction, not after it.
    model.text_feats(LabelSpace(loaders[0].dataset.task_classes))
    names = {field.name for field in fields(FewShotProtocol)}
    protocol = FewShotProtocol.from_config(
        config, **{key: value for key, value in loop.items() if key in names}
    )
    support, query = (protocol.bank(model, loader, loop.get('fp16', False)) for loader in loaders)
    support.label_space.check_queries(query.label_space)
    keys = fingerprint(support), fingerprint(query)
    if not banks.keys() >= set(keys):
        warn_of_shared_images(*(loader.dataset for loader in loaders))
    provenance = model.provenance
    # Many entries are held at once; their features are made.
    model.backbone = model.text = None
    return BenchmarkEntry(
        row=named.row,
        dataset=named.dataset,
        model=model,
        settings=TrainingSettings.from_config(config),
        shots=tuple(sorted(set(shots or named.shots or [protocol.shots]))),
        support=banks.setdefault(keys[0], support),
        query=banks.setdefault(keys[1], query),
        provenance=provenance,
    )


def short_classes(entry: BenchmarkEntry, seed: int) -> dict[tuple[str, int], dict[str, int]]:
    """Find classes of which fewer than K instances can be drawn, all of which are taken.

    Returns:
        dict: number of instances by class, by task and shots; empty where there are none.

    Raises:
        ValueError: a class has none at all.
    """
    found = {}
    for shots in entry.shots:
        sampler = SupportSampler(entry.support, entry.query.task_names, shots, seed, True)
        found |= {(task, shots): names for task, names in sampler.short.items()}
    return found


def _check_same_instances(one: BenchmarkEntry, other: BenchmarkEntry) -> None:
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


def fingerprint(bank: FeatureBank) -> str:
    """Digest a bank: SHA-256 over features, labels, tasks, ids and the class names of the tasks."""
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
