"""Which instances to label next."""

import torch
from torch import Tensor

from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.models.heads.gaussian_statistics import unit_views


def suggest(fitted: FittedClassifier, feats: Tensor, number: int) -> list[int]:
    """Choose unlabelled instances that are uncertain, and unlike each other and the support.

    Farthest-first traversal, the greedy 2-approximation of the k-center problem (Sener and
    Savarese, ICLR 2018), with distances weighted by uncertainty: in turn the instance with the
    largest product of its uncertainty, one minus the difference of its two greatest class
    probabilities, and its distance to the nearest instance that is labelled or chosen. The distance
    is that of mean unit views.

    Args:
        fitted (FittedClassifier): with its support.
        feats (Tensor): view features of unlabelled instances, float, (B, V, C).
        number (int): how many are to be labelled, at least 1.

    Returns:
        list[int]: positions in ``feats``, the first to be labelled first; all of them where there
        are no more than ``number``.

    Raises:
        ValueError: ``number`` is less than 1, or the classifier has no support.
    """
    if number < 1:
        raise ValueError(f'number must be at least 1, got {number}')
    if fitted.support is None:
        raise ValueError('suggestions need the support; fit the classifier on labelled instances')
    if len(feats) == 0:
        return []
    best = fitted.scores(feats).double().topk(2, dim=1).values
    # Not quite 0 of those that are certain: of these too the unlike come first.
    doubt = 1 - best[:, 0] + best[:, 1] + 1e-6
    places = unit_views(feats).mean(1)
    nearest = torch.cdist(places, unit_views(fitted.support.feats).mean(1)).amin(1)
    chosen: list[int] = []
    for _ in range(min(number, len(feats))):
        worth = doubt * nearest
        worth[chosen] = -1
        chosen.append(int(worth.argmax()))
        nearest = torch.minimum(nearest, torch.cdist(places, places[chosen[-1:]])[:, 0])
    return chosen
