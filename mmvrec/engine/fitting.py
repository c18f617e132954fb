"""Fitting a head on a support set: the same steps in the protocol and in training."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import Tensor

from mmvrec.models.heads import FewShotHead


@dataclass(frozen=True)
class TrainingSettings:
    """How heads that train are trained, in the words of MMEngine's configs.

    Args:
        optim_wrapper (dict): config of the optimizer wrapper.
        max_iters (int): full-batch iterations.
        param_scheduler (Sequence[dict]): configs of schedulers that step once an iteration
            (``by_epoch=False``).
    """

    optim_wrapper: dict
    max_iters: int
    param_scheduler: Sequence[dict] = ()

    def __post_init__(self):
        by_epoch = [s['type'] for s in self.param_scheduler if s.get('by_epoch', True)]
        if by_epoch:
            raise ValueError(
                f'{by_epoch} must have by_epoch=False: heads are trained by full-batch iterations'
            )

    @classmethod
    def from_config(cls, cfg: dict) -> 'TrainingSettings':
        """Take the settings from a whole config, so that every loop trains alike."""
        schedulers = cfg.get('param_scheduler') or []
        return cls(
            optim_wrapper=cfg['optim_wrapper'],
            max_iters=cfg['train_cfg'].get('max_iters', 1),
            param_scheduler=[schedulers] if isinstance(schedulers, dict) else list(schedulers),
        )


def fit_head(
    head: FewShotHead, feats: Tensor, labels: Tensor, num_classes: int, settings: TrainingSettings
) -> FewShotHead:
    """Fit a head, and train it if it is one that trains.

    Args:
        head (FewShotHead): the head, on its device.
        feats (Tensor): view features of the support set, float, (M, V, C), on the same device.
        labels (Tensor): class indices, int64, (M,).
        num_classes (int): N.
        settings (TrainingSettings): how it is trained.

    Returns:
        FewShotHead: ``head``, in eval mode.
    """
    head.fit(feats, labels, num_classes)
    if head.trains:
        _train(head, feats, labels, settings)
    return head.eval()


@torch.enable_grad()
def _train(head: FewShotHead, feats: Tensor, labels: Tensor, settings: TrainingSettings) -> None:
    head.train()
    wrapper = build_optim_wrapper(head, deepcopy(settings.optim_wrapper))
    schedulers = [
        PARAM_SCHEDULERS.build(deepcopy(cfg), default_args={'optimizer': wrapper})
        for cfg in settings.param_scheduler
    ]
    for _ in range(settings.max_iters):
        with wrapper.optim_context(head):
            losses = head.loss(feats, labels)
        wrapper.update_params(sum(losses.values()))
        for scheduler in schedulers:
            scheduler.step()
