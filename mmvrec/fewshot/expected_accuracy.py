"""From instances left out to the accuracy that can be expected of queries."""

from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from mmvrec.evaluation.intervals import wilson_interval
from mmvrec.fewshot.leave_out import margins

#: Width of the step by which a margin counts as right, in standard deviations of the margins.
SOFTNESS = 0.25
#: Temperature of the head's own confidence, in standard deviations of the margins.
CONFIDENCE_SOFTNESS = 0.2
#: Instances that the head's own confidence counts as.
CONFIDENCE_WORTH = 10
#: Independent answers that an instance is worth, in Wilson's interval.
WORTH = 1.0
#: Level of the intervals.
LEVEL = 0.8


@dataclass(frozen=True)
class Share:
    """A share of queries, with the interval that it lies in at :data:`LEVEL`.

    Args:
        value (float): in [0, 1].
        low (float): lower bound, in [0, 1].
        high (float): upper bound, in [0, 1].
        number (int): instances that it was estimated from.
    """

    value: float
    low: float
    high: float
    number: int

    def __str__(self) -> str:
        """In percent, as ``84 % (79 to 88 %, of 25)``."""
        low, high = (round(100 * bound) for bound in (self.low, self.high))
        return f'{100 * self.value:.0f} % ({low} to {high} %, of {self.number})'


def expected_right(scores: Tensor, labels: Tensor) -> Tensor:
    """How far each instance left out counts as right, in [0, 1].

    A step at a margin of 0 counts 25 instances in steps of 4 points. Another draw of the support
    would have moved the margins, so an instance that is hardly right counts a little more than
    half: the normal distribution function of its margin over :data:`SOFTNESS` standard deviations
    of all margins. It estimates the same share with less noise.

    Args:
        scores (Tensor): log scores of instances left out, float, (M, N).
        labels (Tensor): class indices, int64, (M,).

    Returns:
        Tensor: float, (M,).
    """
    ahead, _ = margins(scores, labels)
    return torch.special.ndtr(ahead / _scale(scores, labels, SOFTNESS))


def with_confidence(right: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
    """Shrink what was counted towards the head's own confidence.

    A count of 25 instances has a standard deviation of 8 points. How far apart the head sees the
    two best classes of an instance says less of the accuracy, as it knows no label, but does not
    depend on which instances happened to be right: it is a prior of :data:`CONFIDENCE_WORTH`
    instances, of which so many are right as the mean greatest probability says, at a temperature of
    :data:`CONFIDENCE_SOFTNESS` standard deviations of the margins. Both numbers were chosen on
    generated defects.

    Args:
        right (Tensor): see :func:`expected_right`, float, (M,), in [0, 1].
        scores (Tensor): log scores of instances left out, float, (M, N).
        labels (Tensor): class indices, int64, (M,).

    Returns:
        Tensor: float, (M,), in [0, 1].
    """
    confidence = (scores / _scale(scores, labels, CONFIDENCE_SOFTNESS)).softmax(1).amax(1)
    worth = CONFIDENCE_WORTH / (len(labels) + CONFIDENCE_WORTH)
    return (1 - worth) * right + worth * confidence


def expected_share(right: Tensor) -> Share:
    """The share of queries of one class that will be right.

    Args:
        right (Tensor): see :func:`expected_right`, float, (M,), of at least one instance.
    """
    return _share(float(right.mean()), len(right))


def expected_accuracy(right: Tensor, labels: Tensor) -> Share:
    """The accuracy on queries whose classes occur equally often.

    Args:
        right (Tensor): see :func:`expected_right`, float, (M,).
        labels (Tensor): class indices, int64, (M,).
    """
    weights = 1 / labels.bincount()[labels].double()
    return _share(float((right * weights).sum() / weights.sum()), len(right))


def _scale(scores: Tensor, labels: Tensor, deviations: float) -> Tensor:
    """So many standard deviations of the margins, above 0; of one, its size."""
    ahead, _ = margins(scores, labels)
    spread = ahead.std() if len(ahead) > 1 else ahead.abs().mean()
    return (deviations * spread).clamp(min=1e-12)


def _share(value: float, number: int) -> Share:
    quantile = float(stats.norm.ppf((1 + LEVEL) / 2))
    low, high = wilson_interval(value, WORTH * number, quantile)
    return Share(value, low, high, number)
