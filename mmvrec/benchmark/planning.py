"""What a comparison takes before it is started: embeddings, fits, hours and disk."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Subset

from mmvrec.benchmark.composition import NamedConfig
from mmvrec.benchmark.episodes import EPISODES_TOGETHER
from mmvrec.fewshot.extraction import iter_features
from mmvrec.fewshot.fitting import TrainingSettings, fit_heads
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.registry import MODELS, TRANSFORMS
from mmvrec.structures import LabelSpace

#: Instances that are embedded to see how long one takes, after as many that warm up.
_SAMPLE = 2
#: Iterations of a training that are timed, after one that warms up.
_ITERATIONS = 6
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
        fits (int): heads that are fitted.
        fit_seconds (float): that fitting takes on this device.
    """

    banks: list[PlannedBank]
    fits: int
    fit_seconds: float


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
    banks: dict[str, PlannedBank] = {}
    timed: dict[str, dict[str, float]] = {}
    datasets: dict[str, BaseDataset] = {}
    fits, fit_seconds = 0, 0.0
    for one in named:
        config = one.config.copy()
        config.merge_from_dict(dict(cfg_options))
        for split in ('support', 'query'):
            loader = config['train_dataloader' if split == 'support' else 'test_dataloader']
            key = _key(config.model.backbone, loader.dataset)
            if key not in banks:
                banks[key] = plan_bank(one.dataset, split, config, loader, timed, datasets)
            if split == 'support':
                pool, bank = datasets[_pool_key(loader.dataset)], banks[key]
        own = shots or one.shots or (config.few_shot.shots,)
        fits += len(own) * episodes * len(pool.task_classes)
        fit_seconds += sum(time_fits(config, pool, bank, number, episodes) for number in own)
    return Plan(list(banks.values()), fits, fit_seconds)


def _key(*parts: object) -> str:
    return json.dumps(parts, sort_keys=True, default=str)


def _pool_key(dataset: Mapping) -> str:
    return _key({name: value for name, value in dataset.items() if name != 'pipeline'})


def plan_bank(
    name: str,
    split: str,
    config: Mapping,
    loader: Mapping,
    timed: dict[str, dict[str, float]],
    datasets: dict[str, BaseDataset],
) -> PlannedBank:
    """Count a bank, and time a few of its instances.

    Args:
        name (str): name of the dataset.
        split (str): ``support`` or ``query``.
        config (Mapping): a config that needs the bank.
        loader (Mapping): config of its dataloader.
        timed (dict): seconds per view by device, by dataset and backbone; new ones are added.
        datasets (dict): datasets by config without pipeline; new ones are added.
    """
    built = Runner.build_dataloader({**loader, 'num_workers': 0, 'persistent_workers': False})
    datasets.setdefault(_pool_key(loader.dataset), built.dataset)
    views = next(
        TRANSFORMS.build(dict(step)).num_views
        for step in loader.dataset.pipeline
        if step['type'] == 'MultiViewRegionContext'
    )
    model = MODELS.build({**config['model'], 'head': {'type': 'ProtoNetHead'}, 'prior': None})
    backbone = _key(config['model']['backbone'], name)
    if backbone not in timed:
        timed[backbone] = {
            device: time_views(model.to(device), built.dataset, views)
            for device in dict.fromkeys(('cpu', get_device()))
        }
    instances = len(built.dataset)
    seconds = {device: s * instances * views for device, s in timed[backbone].items()}
    return PlannedBank(name, split, instances, views, model.backbone.out_dims, seconds)


def time_views(model: MVRECClassifier, dataset: BaseDataset, views: int) -> float:
    """Time how long a view takes from file to feature, seconds, on the model's device."""
    indices = range(min(2 * _SAMPLE, len(dataset)))
    times = [time.perf_counter()]
    loader = DataLoader(Subset(dataset, indices), collate_fn=pseudo_collate)
    for _ in iter_features(model, loader, progress=False):
        times.append(time.perf_counter())
    steps = [after - before for before, after in pairwise(times)]
    return mean(steps[-_SAMPLE:]) / views


def time_fits(
    config: Mapping, pool: BaseDataset, bank: PlannedBank, shots: int, episodes: int
) -> float:
    """Estimate how long fitting takes at K shots, all tasks and episodes, seconds.

    A fit of heads that do not train, or a few iterations of those that do, is timed on random
    features of the shapes of the mean task. Evaluation and text features are not counted.
    """
    head = MODELS.build(dict(config['model']['head']))
    settings = TrainingSettings.from_config(config)
    classes = round(mean(map(len, pool.task_classes.values())))
    together = min(episodes, EPISODES_TOGETHER)
    text = torch.randn(classes, bank.channels) if head.needs_text else None
    space = LabelSpace({'task': [str(k) for k in range(classes)]})
    labels = torch.arange(classes).repeat_interleave(shots)
    device = get_device()
    supports = [
        SupportSet(
            torch.randn(len(labels), bank.views, bank.channels, device=device),
            labels.to(device),
            space,
            None if text is None else text.to(device),
        )
        for _ in range(together)
    ]
    seconds = []
    for number in (1, 1 + _ITERATIONS):
        own = TrainingSettings(settings.optim_wrapper, number, settings.param_scheduler)
        heads = [MODELS.build(dict(config['model']['head'])).to(device) for _ in range(together)]
        start = time.perf_counter()
        fit_heads(heads, supports, own)
        seconds.append(time.perf_counter() - start)
    once, more = seconds
    iteration = max(more - once, 0.0) / _ITERATIONS if head.trains else 0.0
    batches = len(pool.task_classes) * -(-episodes // EPISODES_TOGETHER)
    return batches * (once + iteration * (settings.max_iters - 1))


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
    lines.append(f'{plan.fits} heads to fit, {plan.fit_seconds / 3600:.2f} hours on {get_device()}')
    if get_device() == 'cpu':
        lines.append('No GPU is here, so its hours are not known; plan on a machine with one.')
    lines.append('Banks that are cached, and results that are logged, are not made again.')
    return '\n'.join(lines)
