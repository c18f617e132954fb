"""Views that stop early: the first few decide where the rest would hardly change the label.

Views are looked at in an order of worth, the centre of each scale first. After 3, 9 and 27 of them
the mean of their logits tells how far the best class is ahead of the second; where that is at least
a margin, the others are not even made. The margin is the least with which instances of the support
that have been left out of the fit keep their right labels.

NumPy alone: mmvrec-runtime has a copy of this file, to the byte.
"""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

#: Numbers of views after which may be left.
STEPS = (3, 9, 27)
#: Share of the left-out instances that may lose their right label: half a point.
MAX_LOSS = 0.005


def view_order(settings: Mapping[str, object]) -> list[int]:
    """Positions of the views, the most telling first.

    Args:
        settings (Mapping): of ``MultiViewRegionContext``.

    Returns:
        list[int]: upright centres of all scales, then what is a step away, and so on.
    """
    parts = ('scales', 'offsets', 'offsets', 'rotations', 'flips')
    places = list(product(*(range(len(settings[part])) for part in parts)))
    steps = settings['offsets']

    def worth(position: int) -> tuple:
        scale, y, x, rotation, flip = places[position]
        return (rotation + flip, abs(steps[y]) + abs(steps[x]), scale)

    return sorted(range(len(places)), key=worth)


def lead(logits: np.ndarray) -> np.ndarray:
    """By how much the best class is ahead of the second, (..., N) to (...)."""
    best = np.partition(logits, -2, axis=-1)
    return best[..., -1] - best[..., -2]


def decides(
    logits: np.ndarray, typical: np.ndarray | None, margin: float, threshold: float
) -> np.ndarray:
    """Whether the views that have been looked at decide: the label is clear, the instance known.

    Args:
        logits (np.ndarray): their mean, float, (B, N).
        typical (np.ndarray, optional): how far the instances are like the support by these views,
            (B,); None where nothing tells, which counts as known.
        margin (float): the least lead, see :func:`fit_margin`.
        threshold (float): the least of ``typical`` at this step.

    Returns:
        np.ndarray: bool, (B,).
    """
    is_clear = lead(logits) >= margin
    return is_clear if typical is None else is_clear & (typical >= threshold)


def exit_steps(views: int) -> list[int]:
    """Numbers of views, of so many, after which may be left."""
    return [step for step in STEPS if step < views]


def fit_margin(
    logits: np.ndarray,
    labels: np.ndarray,
    order: Sequence[int],
    known: np.ndarray | None = None,
) -> tuple[float | None, float]:
    """The lead with which may be left, and the views that are looked at then.

    Args:
        logits (np.ndarray): of every view of instances that the head has not been fitted on,
            float, (M, V, N).
        labels (np.ndarray): class indices, int64, (M,).
        order (Sequence[int]): see :func:`view_order`.
        known (np.ndarray, optional): whether an instance is like the support after every step of
            :func:`exit_steps`, bool, (M, steps): where not, it is looked at in full. Defaults to
            None: all are.

    Returns:
        tuple[float | None, float]: the least margin of those observed at which, and at all greater
        ones, at most :data:`MAX_LOSS` of the instances lose a right label, None where there is
        none; and the mean number of views, of V.
    """
    views = logits.shape[1]
    steps = exit_steps(views)
    running = np.cumsum(logits[:, order], axis=1) / np.arange(1, views + 1)[:, None]
    is_right = running[:, -1].argmax(1) == labels
    leads = np.stack([lead(running[:, step - 1]) for step in steps] or [np.empty(len(labels))], 1)
    margin, mean = None, float(views)
    for candidate in np.unique(leads)[::-1] if steps else ():
        may_leave = leads >= candidate if known is None else (leads >= candidate) & known
        counts = np.select(list(may_leave.T), steps, views)
        left = running[np.arange(len(labels)), counts - 1].argmax(1)
        if (is_right & (left != labels)).mean() > MAX_LOSS:
            break
        margin, mean = float(candidate), float(counts.mean())
    return margin, mean
