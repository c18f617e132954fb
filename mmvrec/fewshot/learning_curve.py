"""How the error falls with the number of labels: what there is, and what more would bring."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from mmvrec.fewshot.expected_accuracy import LEVEL, Share, expected_right
from mmvrec.models.heads import FewShotHead

#: Random subsets per number of shots.
DRAWS = 8
#: Fewest instances that every class must have: a slope takes two numbers of shots.
LEAST_SHOTS = 3
#: Slopes of the error in log-log coordinates that are believed: more labels do not hurt, and the
#: error of a mean falls with 1 / shots at best.
_SLOPES = (0.0, 1.0)
#: Errors below count as this, as there is no logarithm of 0.
_LEAST_ERROR = 1e-3


@dataclass(frozen=True)
class LearningCurve:
    """Errors of fits on random parts of the support, and the power law through them.

    ``error = exp(offset) shots^-slope`` (Cortes et al., NeurIPS 1993; Hestness et al.,
    arXiv:1712.00409).

    Args:
        shots (tuple[float, ...]): instances per class, ascending.
        errors (tuple[float, ...]): mean shares of wrong answers with so many, in [0, 1].
        slope (float): in [0, 1].
        slope_error (float): its standard error over the draws.
        offset (float): logarithm of the error at one shot.
    """

    shots: tuple[float, ...]
    errors: tuple[float, ...]
    slope: float
    slope_error: float
    offset: float

    def error_at(self, shots: float) -> float:
        """The error with so many instances per class, in [0, 1]."""
        return float(min(np.exp(self.offset - self.slope * np.log(shots)), 1.0))


def learning_curve(
    head: FewShotHead, feats: Tensor, labels: Tensor, left_out: float
) -> LearningCurve | None:
    """Fit on random subsets, judge on the rest, and lay a power law through the errors.

    Args:
        head (FewShotHead): one that does not train; its settings are used, its fit is not.
        feats (Tensor): view features of the support, float, (M, V, C).
        labels (Tensor): class indices, int64, (M,).
        left_out (float): share of the instances that are wrong when left out, which is the error of
            one instance fewer per class than there are.

    Returns:
        LearningCurve | None: None where a class has fewer than :data:`LEAST_SHOTS` instances.
    """
    most = int(labels.bincount().min())
    if most < LEAST_SHOTS:
        return None
    shots = np.arange(1, most)
    generator = torch.Generator().manual_seed(0)
    drawn = np.array(
        [
            [_subset_error(head, feats, labels, int(k), generator) for k in shots]
            for _ in range(DRAWS)
        ]
    )
    x = np.log([*shots, mean_shots(labels) - 1])
    lines = [_line(x, np.array([*errors, left_out])) for errors in drawn]
    means = np.array([*drawn.mean(0), left_out])
    slope, offset = _line(x, means)
    return LearningCurve(
        shots=tuple(np.exp(x).tolist()),
        errors=tuple(means.tolist()),
        slope=slope,
        slope_error=float(np.std([own for own, _ in lines], ddof=1) / np.sqrt(DRAWS)),
        offset=offset,
    )


def mean_shots(labels: Tensor) -> float:
    """Geometric mean of the numbers of instances of the classes."""
    return float(labels.bincount().double().log().mean().exp())


def with_more(curve: LearningCurve, accuracy: Share, shots: float, more: int) -> Share:
    """What more labels would bring.

    The line is drawn on from the estimate of what there is. The interval has two parts, added as
    independent: that of the estimate, and that of the slope.

    Args:
        curve (LearningCurve): of the support.
        accuracy (Share): what is expected with it.
        shots (float): instances per class that it has.
        more (int): further instances per class.
    """
    growth = np.log((shots + more) / shots)
    shrunk = np.exp(-curve.slope * growth)
    error = (1 - accuracy.value) * shrunk
    quantile = stats.norm.ppf((1 + LEVEL) / 2)
    lever = error * growth * quantile * curve.slope_error
    low = 1 - error - np.hypot(lever, shrunk * (accuracy.value - accuracy.low))
    high = 1 - error + np.hypot(lever, shrunk * (accuracy.high - accuracy.value))
    return Share(1 - float(error), max(float(low), 0.0), min(float(high), 1.0), accuracy.number)


def _line(x: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Slope, turned to be positive, and offset of the logarithms of errors."""
    y = np.log(errors.clip(_LEAST_ERROR))
    spread = x - x.mean()
    slope = float(np.clip(-(spread @ y) / (spread @ spread), *_SLOPES))
    return slope, float(y.mean() + slope * x.mean())


def _subset_error(
    head: FewShotHead, feats: Tensor, labels: Tensor, shots: int, generator: torch.Generator
) -> float:
    """Share of the instances outside a random subset that a fit on it gets wrong, softly."""
    order, own = torch.randperm(len(labels), generator=generator), labels.cpu()
    chosen = torch.cat([order[own[order] == k][:shots] for k in own.unique()])
    rest = torch.ones(len(own), dtype=torch.bool)
    rest[chosen] = False
    scores = head.refitted(feats[chosen], labels[chosen]).log_scores(feats[rest]).cpu()
    return 1 - float(expected_right(scores, own[rest]).mean())
