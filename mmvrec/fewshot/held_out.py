"""Answers to support instances by heads that were fitted without them, and what follows of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmvrec.fewshot.calibration import held_out_scores, leave_out_folds
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.fewshot.leave_out import leave_out_blocks
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.heads import FewShotHead
from mmvrec.models.heads.scores import probabilities
from mmvrec.structures import FeatureBank


@dataclass(frozen=True)
class HeldOutAnswer:
    """What was answered to an instance by a head that had not seen it, nor others of its group.

    Args:
        id (str): of the instance.
        label (str): its class, as it was labelled.
        predicted (str): the answer.
        score (float): its probability, in [0, 1].
    """

    id: str
    label: str
    predicted: str
    score: float


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


def sure_threshold(answers: Sequence[HeldOutAnswer], max_error: float) -> float | None:
    """The least score from which on answers are sure.

    Args:
        answers (Sequence[HeldOutAnswer]): of instances not seen in fitting.
        max_error (float): share of wrong answers that is allowed among the sure ones, in [0, 1).

    Returns:
        float | None: such that of the answers with this score or a higher one at most that share
        is wrong, and they are as many as can be; None where the surest answer is wrong already.
    """
    threshold, wrong = None, 0
    ranked = sorted(answers, key=lambda answer: -answer.score)
    for number, answer in enumerate(ranked, start=1):
        wrong += answer.predicted != answer.label
        is_last = number == len(ranked) or ranked[number].score < answer.score
        if is_last and wrong <= max_error * number:
            threshold = answer.score
    return threshold


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
