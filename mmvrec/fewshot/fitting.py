"""Fitting heads on support sets: the same steps in the protocol and in training."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.utils import digit_version
from rich.progress import track
from torch import nn

from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import FewShotHead
from mmvrec.registry import (
    OPTIM_WRAPPER_CONSTRUCTORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
)

# Optimizers whose update of an element depends on that element's gradients alone.
_ELEMENTWISE = ('SGD', 'Adam', 'AdamW', 'Adamax', 'NAdam', 'RAdam', 'RMSprop', 'Adagrad')
# Of these, torch has variants that take one pass over the parameters.
_FUSED = ('SGD', 'Adam', 'AdamW')


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

    @property
    def elementwise(self) -> bool:
        """Whether heads trained together are each trained as if alone."""
        wrapper = self.optim_wrapper
        return (
            wrapper.get('type', 'OptimWrapper') == 'OptimWrapper'
            and set(wrapper) <= {'type', 'optimizer', 'paramwise_cfg'}
            and wrapper['optimizer']['type'] in _ELEMENTWISE
        )


def fit_head(
    head: FewShotHead,
    support: SupportSet,
    settings: TrainingSettings,
    progress: str | None = None,
) -> FewShotHead:
    """Fit a head, and train it if it is one that trains.

    Args:
        head (FewShotHead): the head, on its device.
        support (SupportSet): what it is fitted on, on the same device.
        settings (TrainingSettings): how it is trained.
        progress (str, optional): what stands at the progress bar of a training. Defaults to None:
            no bar.

    Returns:
        FewShotHead: ``head``, in eval mode.
    """
    head.fit(support.feats, support.labels, support.num_classes, support.text_feats)
    if head.trains:
        head.train()

        def step(wrapper: OptimWrapper) -> None:
            with wrapper.optim_context(head):
                losses = head.loss(support.feats, support.labels)
            wrapper.update_params(sum(losses.values()))

        _iterate(head, settings.optim_wrapper, settings, step, progress)
    return head.eval()


def fit_heads(
    heads: Sequence[FewShotHead], supports: Sequence[SupportSet], settings: TrainingSettings
) -> list[FewShotHead]:
    """Fit several heads of one config; those that train are trained together where they can be.

    The result is that of :func:`fit_head` on each, but for rounding. Heads of different shapes, or
    with an optimizer that mixes parameters, are fitted one by one.

    Args:
        heads (Sequence[FewShotHead]): the heads, on their device.
        supports (Sequence[SupportSet]): the support set of each, on the same device.
        settings (TrainingSettings): how they are trained.

    Returns:
        list[FewShotHead]: ``heads``, in eval mode.
    """
    shapes = {(support.feats.shape, support.num_classes) for support in supports}
    if not (heads[0].trains and settings.elementwise and len(shapes) == 1):
        return [fit_head(h, s, settings) for h, s in zip(heads, supports, strict=True)]
    for head, support in zip(heads, supports, strict=True):
        head.fit(support.feats, support.labels, support.num_classes, support.text_feats)
    stack = heads[0].stack_type(
        heads,
        torch.stack([support.feats for support in supports]),
        torch.stack([support.labels for support in supports]),
    )

    def step(wrapper: OptimWrapper) -> None:
        stack.backward()
        wrapper.step()

    _iterate(stack.head, with_fused_optimizer(settings.optim_wrapper), settings, step)
    stack.unstack()
    return [head.eval() for head in heads]


def with_fused_optimizer(optim_wrapper: dict) -> dict:
    """Choose torch's fused variant of the optimizer, where the CPU has it (torch 2.4)."""
    wrapper = deepcopy(dict(optim_wrapper))
    optimizer = wrapper['optimizer']
    has_fused = digit_version(torch.__version__) >= digit_version('2.4')
    if has_fused and optimizer['type'] in _FUSED and 'foreach' not in optimizer:
        optimizer.setdefault('fused', True)
    return wrapper


@torch.enable_grad()
def _iterate(
    module: nn.Module,
    optim_wrapper: dict,
    settings: TrainingSettings,
    step: Callable[[OptimWrapper], None],
    progress: str | None = None,
) -> None:
    cfg = {'type': 'OptimWrapper', 'constructor': 'DefaultOptimWrapperConstructor'}
    cfg |= deepcopy(dict(optim_wrapper))
    # Classes for names, which MMEngine would look for in its default scope.
    for part, key, registry in (
        (cfg, 'type', OPTIM_WRAPPERS),
        (cfg, 'constructor', OPTIM_WRAPPER_CONSTRUCTORS),
        (cfg['optimizer'], 'type', OPTIMIZERS),
    ):
        if isinstance(part[key], str):
            part[key] = registry.get(part[key]) or part[key]
    wrapper = build_optim_wrapper(module, cfg)
    schedulers = [
        PARAM_SCHEDULERS.build(deepcopy(cfg), default_args={'optimizer': wrapper})
        for cfg in settings.param_scheduler
    ]
    for _ in track(range(settings.max_iters), progress or '', disable=progress is None):
        step(wrapper)
        for scheduler in schedulers:
            scheduler.step()
