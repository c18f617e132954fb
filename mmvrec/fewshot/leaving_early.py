"""Classifying by the first few views where these decide, see :mod:`mmvrec.fewshot.early_exit`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from mmvrec.datasets.transforms import MultiViewRegionContext
from mmvrec.fewshot.early_exit import decides, exit_steps, fit_margin, view_order
from mmvrec.fewshot.left_out_heads import LeftOutHeads
from mmvrec.models.heads import FewShotHead


@dataclass(frozen=True)
class EarlyExit:
    """When the views that have been looked at are enough.

    Args:
        order (tuple[int, ...]): positions of all views, the most telling first.
        margin (float): the least lead of the best class with which is left.
        thresholds (tuple[float, ...]): the least typicality, after every step of
            :func:`exit_steps`.
        expected_views (float): mean number of views by leave-one-out.
    """

    order: tuple[int, ...]
    margin: float
    thresholds: tuple[float, ...]
    expected_views: float

    @property
    def ends(self) -> list[int]:
        """Numbers of views after which may be left, all of them last."""
        return [*exit_steps(len(self.order)), len(self.order)]


def check_can_leave(head: FewShotHead) -> None:
    """Raise ``ValueError`` unless a head averages the logits of all views."""
    groups = getattr(head, 'groups', 1)
    if head.merge_views != 'logits' or groups > 1 or head.view_indices is not None:
        raise ValueError(
            "views can stop early where a head averages the logits of all of them: merge_views='"
            "logits', without groups and view_indices"
        )


def order_of(transforms: Iterable[Callable]) -> list[int]:
    """The order of worth of the views that transforms make, see :func:`view_order`.

    Raises:
        ValueError: none of them is a :class:`MultiViewRegionContext`.
    """
    for transform in transforms:
        if isinstance(transform, MultiViewRegionContext):
            return view_order(transform.settings)
    raise ValueError(
        'views can stop early where a pipeline makes them by MultiViewRegionContext, whose '
        'settings tell which come first; a feature bank does not'
    )


def fit_early_exit(
    left_out: LeftOutHeads, feats: Tensor, order: Sequence[int], quantile: float = 0.05
) -> EarlyExit | None:
    """Fit margin and thresholds on the support.

    Args:
        left_out (LeftOutHeads): fitted without the instances that they judge.
        feats (Tensor): view features of the support, float, (M, V, C).
        order (Sequence[int]): see :func:`view_order`.
        quantile (float): share of known instances that may be looked at in full as if unknown.
            Defaults to 0.05.

    Returns:
        EarlyExit | None: None where no view can be left out without that more right labels are lost
        than :func:`fit_margin` allows, or no class has two instances.

    Raises:
        ValueError: there is not one place in the order for every view.
    """
    if len(order) != feats.shape[1]:
        raise ValueError(f'the order is of {len(order)} views, the support has {feats.shape[1]}')
    steps = exit_steps(len(order))
    typical = [left_out.typicality(feats, order[:step]) for step in steps]
    thresholds = [float(np.quantile(t, quantile)) if len(t) else 0.0 for t in typical]
    known = np.stack(typical, 1) >= thresholds if steps else None
    margin, views = fit_margin(*left_out.view_logits(feats), order, known)
    return None if margin is None else EarlyExit(tuple(order), margin, tuple(thresholds), views)


def require_early_exit(early_exit: EarlyExit | None) -> EarlyExit:
    """Raise ``ValueError`` where :func:`fit_early_exit` has found none."""
    if early_exit is None:
        raise ValueError(
            'views cannot stop early: none can be left out without that right labels of the '
            'support are lost, or no class has two instances'
        )
    return early_exit


@torch.no_grad()
def look(
    early_exit: EarlyExit,
    head: FewShotHead,
    support: Tensor,
    embed: Callable[[Tensor, list[int]], Tensor],
    number: int,
) -> tuple[Tensor, list[int]]:
    """Look at the views of instances, and stop where they decide.

    Args:
        early_exit (EarlyExit): when they do.
        head (FewShotHead): fitted on the support.
        support (Tensor): view features of the support, float, (M, V, C).
        embed (Callable): gives features, float, (b, v, C), of instances, int64, (b,), and the
            positions of their views.
        number (int): of instances, B.

    Returns:
        tuple[Tensor, list[int]]: features, (B, V, C), those of views that were not looked at are 0;
        and how many views were, of every instance.
    """
    order, ends = early_exit.order, early_exit.ends
    feats, counts = torch.empty(0), torch.full((number,), len(order))
    rows = torch.arange(number)
    for step, (begin, end) in enumerate(pairwise((0, *ends))):
        if not len(rows):
            break
        positions = list(order[begin:end])
        own = embed(rows, positions).cpu()
        if step == 0:
            feats = own.new_zeros(number, len(order), own.shape[-1])
        feats[rows[:, None], positions] = own
        if end < len(order):
            device = next(head.parameters(), support).device
            seen = feats[rows][:, order[:end]].to(device)
            typical = head.typicality(seen, support.to(device)).cpu().numpy()
            logits = head.log_scores(seen).cpu().numpy()
            leave = decides(logits, typical, early_exit.margin, early_exit.thresholds[step])
            counts[rows[leave]] = end
            rows = rows[~torch.from_numpy(leave)]
    return feats, counts.tolist()


def groups_of(
    early_exit: EarlyExit | None, counts: Sequence[int]
) -> Iterator[tuple[list[int], list[int] | slice]]:
    """Instances by how many of their views were looked at.

    Args:
        early_exit (EarlyExit, optional): None: all views of all instances.
        counts (Sequence[int]): of views, of every instance, see :func:`look`.

    Yields:
        tuple[list[int], list[int] | slice]: rows of instances, and positions of the views that were
        looked at of them, in the order of worth where there is one.
    """
    if early_exit is None:
        yield list(range(len(counts))), slice(None)
        return
    for count in sorted(set(counts)):
        rows = [row for row, own in enumerate(counts) if own == count]
        yield rows, list(early_exit.order[:count])
