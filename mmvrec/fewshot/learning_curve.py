"""What more labels would bring."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmvrec.fewshot.expected_accuracy import Share, expected_right
from mmvrec.models.heads import FewShotHead

#: Random subsets per number of shots.
DRAWS = 8
#: Fewest instances that every class must have: a slope takes two numbers of shots.
LEAST_SHOTS = 3
#: Slopes of the error in log-log coordinates that are believed: more labels do not hurt, and the
#: error of a mean falls with 1 / shots at best.
_SLOPES = (0.0, 1.0)


@dataclass(frozen=True)
class LearningCurve:
    """Accuracies of fits on fewer instances, and what they say of more.

    Args:
        shots (tuple[int, ...]): instances per class, ascending.
        accuracies (tuple[float, ...]): expected with so many, in [0, 1].
        more (int): further instances per class that :attr:`expected` is about.
        expected (Share): with so many more than there are.
    """

    shots: tuple[int, ...]
    accuracies: tuple[float, ...]
    more: int
    expected: Share

    def __str__(self) -> str:
        """As ``with 5 more per class expect 84 to 89 %``."""
        low, high = (round(100 * bound) for bound in (self.expected.low, self.expected.high))
        return f'with {self.more} more per class expect {low} to {high} %'


def learning_curve(
    head: FewShotHead, feats: Tensor, labels: Tensor, accuracy: Share, more: int = 5
) -> LearningCurve | None:
    """Fit on random subsets, judge on the rest, and draw the line on.

    The error is taken to fall with a power of the number of shots, ``error = c shots^-b`` (Hestness
    et al., arXiv:1712.00409; Cortes et al., NeurIPS 1993): a line in log-log coordinates, through
    the subsets' means, shifted to go through the estimate of the whole support. The interval has
    two parts, added as independent: that of the estimate, and that of the slope (standard error
    over the draws).

    Args:
        head (FewShotHead): a head that does not train; its settings are used, its fit is not.
        feats (Tensor): view features of the support, float, (M, V, C).
        labels (Tensor): class indices, int64, (M,).
        accuracy (Share): what is expected with all of it.
        more (int): further instances per class. Defaults to 5.

    Returns:
        LearningCurve | None: None where a class has fewer than :data:`LEAST_SHOTS` instances, or
        where nothing is expected to be wrong.
    """
    most = int(labels.bincount().min())
    if most < LEAST_SHOTS or accuracy.value >= 1:
        return None
    shots = np.arange(1, most)
    generator = torch.Generator().manual_seed(0)
    errors = np.array(
        [
            [_subset_error(head, feats, labels, int(k), generator) for k in shots]
            for _ in range(DRAWS)
        ]
    )
    spacing = np.log(shots) - np.log(shots).mean()
    slopes = -(np.log(errors.clip(1e-3)) @ spacing) / (spacing @ spacing)
    slope = float(np.clip(slopes.mean(), *_SLOPES))
    growth = np.log((most + more) / most)
    expected = 1 - (1 - accuracy.value) * np.exp(-slope * growth)
    # How far the end of the line moves with the slope.
    lever = (1 - expected) * growth * 1.2816 * slopes.std(ddof=1) / np.sqrt(DRAWS)
    shrunk = (1 - expected) / (1 - accuracy.value)
    low = expected - np.hypot(lever, shrunk * (accuracy.value - accuracy.low))
    high = expected + np.hypot(lever, shrunk * (accuracy.high - accuracy.value))
    return LearningCurve(
        shots=(*shots.tolist(), most),
        accuracies=(*(1 - errors.mean(0)).tolist(), accuracy.value),
        more=more,
        expected=Share(float(expected), max(float(low), 0.0), min(float(high), 1.0), len(labels)),
    )


def _subset_error(
    head: FewShotHead, feats: Tensor, labels: Tensor, shots: int, generator: torch.Generator
) -> float:
    """Share of the instances outside a random subset that a fit on it gets wrong, softly."""
    order = torch.randperm(len(labels), generator=generator).to(labels.device)
    chosen = torch.cat([order[labels[order] == k][:shots] for k in labels.unique()])
    rest = torch.ones(len(labels), dtype=torch.bool, device=labels.device)
    rest[chosen] = False
    scores = head.refitted(feats[chosen], labels[chosen]).log_scores(feats[rest])
    right = expected_right(scores, labels[rest].to(scores.device))
    return 1 - float(right.mean())
