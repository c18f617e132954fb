"""Scores that mean what they say, from the support set alone."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import FewShotHead

#: Temperatures that are looked at.
_RANGE = (1e-4, 1e2)
#: The least where that is needed: unlike support instances give logits that are nearly equal.
_LEAST = 1e-30


def leave_out_folds(labels: Tensor, folds: int = 5) -> list[Tensor]:
    """Split the instances into folds that are left out together: of every class the same share.

    The first instance of every class is in fold 0, the second in fold 1, and so on; with at most
    ``folds`` instances of a class each is left out alone (leave-one-out), and the only instance of
    a class never is.

    Args:
        labels (Tensor): class indices, int64, (M,).
        folds (int): at least 2. Defaults to 5.

    Returns:
        list[Tensor]: bool, (M,) each, true where left out; none that is empty.
    """
    counts, seen = Counter(labels.tolist()), Counter()
    place = []
    for label in labels.tolist():
        place.append(seen[label] % folds if counts[label] > 1 else -1)
        seen[label] += 1
    place = torch.tensor(place)
    return [place == fold for fold in range(folds) if (place == fold).any()]


def held_out_scores(
    build_head: Callable[[], FewShotHead],
    support: SupportSet,
    settings: TrainingSettings,
    folds: int = 5,
    progress: bool = False,
) -> tuple[Tensor, Tensor]:
    """Score support instances by heads that are fitted without them.

    Args:
        build_head (Callable): gives a new head that is not fitted.
        support (SupportSet): all support instances.
        settings (TrainingSettings): how heads are trained.
        folds (int): see :func:`leave_out_folds`. Defaults to 5.
        progress (bool): show a progress bar for each training. Defaults to False.

    Returns:
        tuple[Tensor, Tensor]: :meth:`FewShotHead.log_scores`, float64, (M', N), and class indices,
        int64, (M',), of the instances that can be left out, on the CPU.

    Raises:
        ValueError: no class has two instances.
    """
    scores, labels = [], []
    left_out = leave_out_folds(support.labels.cpu(), folds)
    for number, out in enumerate(left_out, start=1):
        rest = SupportSet(
            support.feats[~out], support.labels[~out], support.label_space, support.text_feats
        )
        description = f'Calibrating, {number} of {len(left_out)}' if progress else None
        head = fit_head(build_head().to(support.feats.device), rest, settings, description)
        scores.append(head.log_scores(support.feats[out]).cpu())
        labels.append(support.labels[out].cpu())
    if not scores:
        raise ValueError('scores can be calibrated only if a class has two support instances')
    return torch.cat(scores), torch.cat(labels)


def fit_temperature(log_scores: Tensor, labels: Tensor) -> float:
    """Find the temperature at which held-out scores are as high as they are right.

    Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017) with
    one demand: the mean score of the predicted classes is the share of predictions that are right.
    That is what a few dozen instances can tell; the likelihood, which the paper maximises, depends
    on how wrong the worst of them is. Of n predictions of which k are right the share is counted as
    (k + 1) / (n + 2), Laplace's rule: a few right answers do not prove that there are no wrong
    ones.

    Args:
        log_scores (Tensor): logits, or logarithms of probabilities, float, (n, N).
        labels (Tensor): class indices, int64, (n,).

    Returns:
        float: by which they are to be divided, see :func:`probabilities`; 1e-4 or 100 where none
        makes the mean score so high or so low.
    """
    right = log_scores.argmax(1).eq(labels).sum().item()
    target = (right + 1) / (len(labels) + 2)

    def excess(log_temperature: float) -> float:
        scores = (log_scores.double() / float(np.exp(log_temperature))).softmax(1)
        return scores.amax(1).mean().item() - target

    # The higher the temperature, the lower the mean score.
    sharpest, flattest = np.log(_RANGE)
    if excess(sharpest) < 0:
        if excess(np.log(_LEAST)) < 0:
            return _RANGE[0]
        sharpest, flattest = np.log(_LEAST), sharpest
    if excess(flattest) > 0:
        return _RANGE[1]
    return float(np.exp(brentq(excess, sharpest, flattest)))
