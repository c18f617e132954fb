"""Labels that the rest of the support contradicts."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmvrec.fewshot.leave_out import leave_out_blocks, margins
from mmvrec.models.heads import FewShotHead

#: Share of the labels that is put aside as the most doubtful, and the rounds that it takes.
_ASIDE = 0.1
_ROUNDS = 3
#: Instances that are left of every class that had as many.
_LEAST = 2


@dataclass(frozen=True)
class LabelError:
    """An instance whose label should be looked at.

    Args:
        id (str): of the instance.
        given (str): its label.
        contradicting (str): the class that the rest of the support takes it for.
        margin (float): by how much, as the logarithm of the ratio of their probabilities, > 0.
    """

    id: str
    given: str
    contradicting: str
    margin: float


def scores_without_doubtful(
    head: FewShotHead,
    feats: Tensor,
    labels: Tensor,
    scores: Tensor,
    groups: Sequence[str] | None = None,
) -> Tensor:
    """Score instances by fits without them and without the labels that are most in doubt.

    A wrong label harms the fits that judge the others, and hides behind them. So the most doubtful
    labels are put aside and all are judged again, as in the pruning of confident learning
    (Northcutt et al., "Confident Learning", JAIR 2021) and in iterated trimming: in three rounds a
    third, two thirds and all of a tenth of the labels, chosen anew each time, so that one that was
    put aside in error comes back.

    Args:
        head (FewShotHead): one that does not train; its settings are used.
        feats (Tensor): view features of the support, float, (M, V, C).
        labels (Tensor): class indices, int64, (M,).
        scores (Tensor): log scores of the instances left out, float64, (M, N), on the CPU; NaN of
            those that cannot be left out, which are never put aside.
        groups (Sequence[str], optional): see :func:`leave_out_blocks`.

    Returns:
        Tensor: float64, (M, N), on the CPU; NaN where an instance cannot be left out.
    """
    before: list[int] = []
    for part in range(1, _ROUNDS + 1):
        aside = _most_doubtful(scores, labels.cpu(), round(part / _ROUNDS * _ASIDE * len(labels)))
        if aside == before:
            continue
        before, kept = aside, sorted({*range(len(labels))} - {*aside})
        left = None if groups is None else [groups[row] for row in kept]
        blocks = leave_out_blocks(labels[kept], left)
        scores = torch.full_like(scores, torch.nan)
        scores[kept] = head.leave_out_scores(feats[kept], labels[kept], blocks)
        scores[aside] = head.refitted(feats[kept], labels[kept]).log_scores(feats[aside]).cpu()
    return scores


def _most_doubtful(scores: Tensor, labels: Tensor, number: int) -> list[int]:
    """Positions of so many of the instances that are taken for another class, or of all."""
    ahead, _ = margins(scores, labels)
    left = labels.bincount()
    aside: list[int] = []
    for row in ahead.argsort().tolist():
        if ahead[row] < 0 and len(aside) < number and left[labels[row]] > _LEAST:
            left[labels[row]] -= 1
            aside.append(row)
    return sorted(aside)


def suspected_label_errors(
    log_scores: Tensor, labels: Tensor, names: Sequence[str], ids: Sequence[str]
) -> tuple[LabelError, ...]:
    """Instances left out that are taken for another class than they are labelled, clearest first.

    The rank is that of the margin between the given class and the best other one, the *normalised
    margin* of confident learning (Northcutt et al., "Confident Learning", JAIR 2021), on scores of
    fits that have not seen the instance.

    Args:
        log_scores (Tensor): calibrated log scores of instances left out, float, (M, N).
        labels (Tensor): their class indices, int64, (M,).
        names (Sequence[str]): of the N classes.
        ids (Sequence[str]): of the M instances.
    """
    ahead, other = margins(log_scores, labels)
    return tuple(
        LabelError(ids[i], names[labels[i]], names[other[i]], -float(ahead[i]))
        for i in ahead.argsort().tolist()
        if ahead[i] < 0
    )
