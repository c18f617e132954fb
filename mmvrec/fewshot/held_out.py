"""Answers to support instances by heads that were fitted without them, and what follows of them."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from mmvrec.fewshot.calibration import held_out_scores, leave_out_folds
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.fewshot.leave_out import leave_out_blocks
from mmvrec.fewshot.support import SupportSet
from mmvrec.fewshot.verdicts import HeldOutAnswer
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.heads import FewShotHead
from mmvrec.models.heads.scores import probabilities
from mmvrec.structures import FeatureBank


def leave_out(
    model: MVRECClassifier,
    head: FewShotHead,
    support: SupportSet,
    settings: TrainingSettings,
    groups: Sequence[str] | None,
    progress: bool,
) -> tuple[list[int], Tensor]:
    """Log scores of support instances by heads that are fitted without them.

    Args:
        model (MVRECClassifier): builds heads.
        head (FewShotHead): fitted on the support; one that trains is trained anew, in five folds
            that do not look at groups.
        support (SupportSet): all support instances.
        settings (TrainingSettings): how heads are trained.
        groups (Sequence[str], optional): see :func:`leave_out_blocks`.
        progress (bool): show a progress bar for each training.

    Returns:
        tuple[list[int], Tensor]: positions of the M' instances that can be left out, and their
        scores, float, (M', N), on the CPU.
    """
    labels = support.labels.cpu()
    if head.trains:
        folds = leave_out_folds(labels)
        if not folds:
            return [], torch.empty(0, support.num_classes)
        scores, _ = held_out_scores(model.build_head, support, settings, progress=progress)
        return [row for fold in folds for row in fold.nonzero().flatten().tolist()], scores
    blocks = leave_out_blocks(labels, groups)
    if not blocks:
        return [], torch.empty(0, support.num_classes)
    scores = head.leave_out_scores(support.feats, support.labels, blocks)
    known = ~scores.isnan().any(1)
    return known.nonzero().flatten().tolist(), scores[known]


def held_out_answers(
    bank: FeatureBank, rows: Sequence[int], scores: Tensor, temperature: float
) -> tuple[HeldOutAnswer, ...]:
    """Answers of log scores.

    Args:
        bank (FeatureBank): the support.
        rows (Sequence[int]): positions of the M' instances in it.
        scores (Tensor): their log scores, float, (M', N).
        temperature (float): of the scores.
    """
    names, labels = bank.label_space.names, bank.label_names
    best, classes = probabilities(scores, temperature).max(1)
    return tuple(
        HeldOutAnswer(bank.ids[row], labels[row], names[label], score)
        for row, label, score in zip(rows, classes.tolist(), best.tolist(), strict=True)
    )


def scarcest_class(answers: Sequence[HeldOutAnswer], labels: Sequence[str]) -> str:
    """The class of which more labels are likely to help most.

    That is the one with the lowest share of right answers, each class starting with one right and
    one wrong answer more, so that few instances say little; among equals the one with the fewest
    instances.

    Args:
        answers (Sequence[HeldOutAnswer]): of instances not seen in fitting.
        labels (Sequence[str]): of all instances.
    """
    counts = Counter(labels)
    number = Counter(answer.label for answer in answers)
    right = Counter(answer.label for answer in answers if answer.predicted == answer.label)
    return min(counts, key=lambda k: ((right[k] + 1) / (number[k] + 2), counts[k], k))
