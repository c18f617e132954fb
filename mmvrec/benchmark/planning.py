"""What a comparison takes before it is started: embeddings, fits, hours and disk."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from mmengine.dataset import BaseDataset
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmvrec.benchmark.composition import NamedConfig
from mmvrec.benchmark.timing import (
    EmbeddingTime,
    time_embedding,
    time_fits,
    time_loading,
    time_preparation,
    time_reading,
)
from mmvrec.registry import MODELS
from mmvrec.structures import FeatureBank

_BYTES = 4


@dataclass(frozen=True)
class PlannedBank:
    """A feature bank that the comparison needs.

    Args:
        dataset (str): name of the dataset.
        split (str): ``support`` or ``query``.
        instances (int): M.
        views (int): V.
        channels (int): C.
        seconds (dict[str, float]): to embed it, by device.
    """

    dataset: str
    split: str
    instances: int
    views: int
    channels: int
    seconds: dict[str, float]

    @property
    def embeddings(self) -> int:
        """Number of views that are embedded."""
        return self.instances * self.views

    @property
    def size(self) -> int:
        """Bytes of the cached bank, float32."""
        return self.embeddings * self.channels * _BYTES


@dataclass(frozen=True)
class Plan:
    """What a comparison takes.

    Args:
        banks (list[PlannedBank]): different ones, those that are cached already among them.
        configs (int): of which models are built and banks are read.
        prepare_seconds (float): that this takes.
        fits (int): heads that are fitted and evaluated.
        fit_seconds (float): that this takes on this device.
    """

    banks: list[PlannedBank]
    configs: int
    prepare_seconds: float
    fits: int
    fit_seconds: float


@dataclass
class _Known:
    """What has been counted and timed already, by the settings that it depends on."""

    banks: dict[str, PlannedBank] = field(default_factory=dict)
    datasets: dict[str, BaseDataset] = field(default_factory=dict)
    backbones: dict[str, tuple[int, dict[str, EmbeddingTime]]] = field(default_factory=dict)
    preparations: dict[str, float] = field(default_factory=dict)


def plan_run(
    named: Sequence[NamedConfig],
    cfg_options: Mapping,
    shots: Sequence[int] | None,
    episodes: int,
) -> Plan:
    """Count banks and fits, and time a few embeddings and iterations of each kind.

    Args:
        named (Sequence[NamedConfig]): what is compared.
        cfg_options (Mapping): overrides of every config.
        shots (Sequence[int], optional): see :func:`benchmark`.
        episodes (int): see :func:`benchmark`.

    Raises:
        FileNotFoundError: there is no such data.
        ValueError: bad annotations.
    """
    init_default_scope('mmvrec')
    known, per_byte = _Known(), time_reading()
    fits, fit_seconds, prepare_seconds = 0, 0.0, 0.0
    for one in named:
        config = one.config.copy()
        config.merge_from_dict(dict(cfg_options))
        support = plan_bank(one.dataset, 'support', config, known)
        query = plan_bank(one.dataset, 'query', config, known)
        key = _key(config.model.backbone, one.dataset)
        if key not in known.preparations:
            known.preparations[key] = time_preparation(config)
        prepare_seconds += known.preparations[key] + per_byte * (support.size + query.size)
        tasks = known.datasets[_pool_key(config.train_dataloader.dataset)].task_classes
        classes = round(sum(map(len, tasks.values())) / len(tasks))
        banks = [_random_bank(bank, len(tasks), classes) for bank in (support, query)]
        for number in shots or one.shots or (config.few_shot.shots,):
            fits += episodes * len(tasks)
            fit_seconds += len(tasks) * time_fits(config, *banks, number, episodes)
    return Plan(list(known.banks.values()), len(named), prepare_seconds, fits, fit_seconds)


def _key(*parts: object) -> str:
    return json.dumps(parts, sort_keys=True, default=str)


def _pool_key(dataset: Mapping) -> str:
    return _key({name: value for name, value in dataset.items() if name != 'pipeline'})


def _random_bank(bank: PlannedBank, tasks: int, classes: int) -> FeatureBank:
    """Random features of the shape of a bank's mean task."""
    number = max(round(bank.instances / tasks), classes)
    feats = torch.randn(number, bank.views, bank.channels)
    names = [str(index % classes) for index in range(number)]
    return FeatureBank.of_task('task', feats, names, [str(index) for index in range(number)])


def plan_bank(name: str, split: str, config: Mapping, known: _Known) -> PlannedBank:
    """Count a bank, and time a few of its instances.

    Args:
        name (str): name of the dataset.
        split (str): ``support`` or ``query``.
        config (Mapping): a config that needs the bank.
        known (_Known): what is new is added.
    """
    loader = config['train_dataloader' if split == 'support' else 'test_dataloader']
    backbone = config['model']['backbone']
    key = _key(backbone, loader.dataset)
    if key in known.banks:
        return known.banks[key]
    settings = {**loader, 'num_workers': 0, 'persistent_workers': False}
    dataset = Runner.build_dataloader(settings).dataset
    known.datasets.setdefault(_pool_key(loader.dataset), dataset)
    own = _key(backbone, name)
    if own not in known.backbones:
        head = {'type': 'ProtoNetHead'}
        model = MODELS.build({**config['model'], 'head': head, 'text': None, 'prior': None})
        times = {
            device: time_embedding(model.to(device), dataset)
            for device in dict.fromkeys(('cpu', get_device()))
        }
        known.backbones[own] = model.backbone.out_dims, times
    channels, times = known.backbones[own]
    views, loading, instances = len(dataset[0]['inputs']), time_loading(dataset), len(dataset)
    seconds = {
        device: instances * (loading + spent.call + views * spent.view)
        for device, spent in times.items()
    }
    known.banks[key] = PlannedBank(name, split, instances, views, channels, seconds)
    return known.banks[key]


def plan_text(plan: Plan) -> str:
    """Write a plan: a line per dataset, and sums."""
    lines = [
        f'{len(plan.banks)} feature banks, '
        f'{sum(bank.embeddings for bank in plan.banks)} embeddings, '
        f'{sum(bank.size for bank in plan.banks) / 1e9:.2f} GB on disk'
    ]
    for dataset in dict.fromkeys(bank.dataset for bank in plan.banks):
        own = [bank for bank in plan.banks if bank.dataset == dataset]
        hours = {d: sum(b.seconds[d] for b in own) / 3600 for d in own[0].seconds}
        lines.append(
            f'  {dataset}: {len(own)} banks, {sum(b.embeddings for b in own)} embeddings, '
            + ', '.join(f'{value:.2f} hours on {device}' for device, value in hours.items())
        )
    lines += [
        f'{plan.configs} configs to prepare, {plan.prepare_seconds / 3600:.2f} hours',
        f'{plan.fits} heads to fit, {plan.fit_seconds / 3600:.2f} hours on {get_device()}',
    ]
    if get_device() == 'cpu':
        lines.append('No GPU is here, so its hours are not known; plan on a machine with one.')
    lines.append('Banks that are cached, and results that are logged, are not made again.')
    return '\n'.join(lines)
