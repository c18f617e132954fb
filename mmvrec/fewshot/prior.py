"""Measuring how the features of a backbone scatter within a class, on generated defects."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import Tensor

from mmvrec.fewshot.protocol import FewShotProtocol
from mmvrec.models.heads.covariance_prior import CovariancePrior
from mmvrec.models.heads.gaussian_statistics import unit_views
from mmvrec.registry import MODELS
from mmvrec.synthesis import DEFECTS, GENERATOR_VERSION, SURFACES

#: Of the images, so that they are none of those that the embedded dataset shows.
SEED = 624


def within_class_covariance(feats: Tensor, labels: Tensor) -> Tensor:
    """Covariance of a random unit view of a random instance about the mean of its class.

    The sum of two parts: views about the mean of their instance, and these means about that of
    their class. The second is divided by instances minus classes, as of two instances per class
    each lies half-way to the mean.

    Args:
        feats (Tensor): view features, float, (M, V, C).
        labels (Tensor): class indices, int64, (M,); at least one class has two instances.

    Returns:
        Tensor: float64, (C, C).

    Raises:
        ValueError: no class has two instances.
    """
    names, labels = labels.unique(return_inverse=True)
    if len(names) == len(labels):
        raise ValueError('a covariance within classes takes a class with two instances')
    views = unit_views(feats)
    instances = views.mean(1)
    rows = (views - instances[:, None]).flatten(0, 1)
    sums = instances.new_zeros(len(names), instances.shape[1]).index_add_(0, labels, instances)
    between = instances - (sums / labels.bincount()[:, None])[labels]
    return rows.T @ rows / len(rows) + between.T @ between / (len(labels) - len(names))


def measure_prior(config: Config, surfaces: Sequence[str] | None = None) -> CovariancePrior:
    """Embed generated defects with the model and the views of a config.

    Two images of every defect on every surface, which is a class: 624 in all.

    Args:
        config (Config): with ``model.backbone`` and ``test_dataloader.dataset.pipeline``.
        surfaces (Sequence[str], optional): names in ``SURFACES``. Defaults to all of them.

    Returns:
        CovariancePrior: of the config's backbone.

    Raises:
        ValueError: the config has no backbone or no views, or the weights are random.
    """
    init_default_scope('mmvrec')
    pipeline = config.test_dataloader.dataset.get('pipeline')
    if config.model.get('backbone') is None or pipeline is None:
        raise ValueError(
            'the config has no model.backbone or no test_dataloader.dataset.pipeline, so that it '
            'cannot embed images'
        )
    model = MODELS.build({**config.model, 'head': {'type': 'KNNHead'}, 'prior': None})
    model.backbone.init_weights()
    provenance = model.backbone.provenance
    if provenance.is_random:
        raise ValueError(f'{provenance}: a prior of random weights would be of no use')
    loader = deepcopy(config.test_dataloader)
    surfaces = list(SURFACES if surfaces is None else surfaces)
    loader.dataset = {
        'type': 'SyntheticDefects',
        'split': 'all',
        'surfaces': surfaces,
        'defects': list(DEFECTS),
        'instances_per_class': 1,
        'seed': SEED,
        'pipeline': pipeline,
    }
    dataloader = Runner.build_dataloader(loader, seed=SEED)
    bank = FewShotProtocol.from_config(config).bank(model, dataloader)
    cells = list(zip(bank.tasks, bank.labels.tolist(), strict=True))
    labels = torch.tensor([sorted(set(cells)).index(cell) for cell in cells])
    return CovariancePrior(
        covariance=within_class_covariance(bank.feats, labels),
        weights=model.backbone.weights_digest(),
        source=provenance.source,
        made_from=(
            f'{len(bank)} generated instances (generator {GENERATOR_VERSION}, seed {SEED}, '
            f'{len(surfaces)} surfaces, {len(DEFECTS)} types of defect), '
            f'{bank.feats.shape[1]} views each'
        ),
    )
