"""An honest estimate of a classifier from the labels that there are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from mmvrec.fewshot.calibration import fit_temperature
from mmvrec.fewshot.expected_accuracy import (
    Share,
    expected_accuracy,
    expected_right,
    expected_share,
    with_confidence,
)
from mmvrec.fewshot.label_errors import LabelError, suspected_label_errors
from mmvrec.fewshot.learning_curve import (
    LEAST_SHOTS,
    LearningCurve,
    learning_curve,
    mean_shots,
    with_more,
)
from mmvrec.fewshot.leave_out import leave_out_blocks
from mmvrec.models.heads import FewShotHead
from mmvrec.structures import FeatureBank

#: Share of known instances that may be called unknown.
REJECTED = 0.05


@dataclass(frozen=True)
class ConfusedClasses:
    """A class that instances of another are taken for.

    Args:
        label (str): class of the instances.
        taken_for (str): what they were taken for.
        count (int): instances left out that were.
        number (int): instances of ``label`` that were left out.
    """

    label: str
    taken_for: str
    count: int
    number: int


@dataclass(frozen=True)
class SupportEstimate:
    """What can be expected of a head on new instances, from its support alone.

    Every instance is scored by a fit without it (:func:`leave_out_blocks`), which is a fit on one
    instance fewer than there are; where every class has three, the learning curve says how much
    that matters. What is counted so is shrunk towards the head's own confidence
    (:func:`with_confidence`). All of it is about instances like those in the support: what was
    labelled is all that is known.

    Args:
        accuracy (Share): expected on queries whose classes occur equally often.
        recalls (dict[str, Share]): the same of every class that could be left out, by name.
        confusions (tuple[ConfusedClasses, ...]): most frequent first.
        temperature (float): of the scores, see :func:`fit_temperature`.
        threshold (float): typicality below which an instance is unknown; see
            :meth:`FewShotHead.typicality`.
        label_errors (tuple[LabelError, ...]): labels that the rest of the support contradicts, the
            clearest first.
        curve (LearningCurve, optional): how the error has fallen with the labels; None where the
            support is too small to tell, or several instances are of one group.
        more (int): further instances per class that :attr:`with_more` is about.
        with_more (Share, optional): accuracy expected with these; None without curve.
        not_estimated (tuple[str, ...]): classes of which nothing is known, as no instance of theirs
            could be left out.
    """

    accuracy: Share
    recalls: dict[str, Share]
    confusions: tuple[ConfusedClasses, ...]
    temperature: float
    threshold: float
    label_errors: tuple[LabelError, ...]
    curve: LearningCurve | None
    more: int
    with_more: Share | None
    not_estimated: tuple[str, ...]

    def to_dict(self) -> dict:
        """The fields in types that JSON has."""
        return asdict(self)

    def __str__(self) -> str:
        """As ``expected accuracy 82 % (…); with 5 more per class expect 84 to 89 %``."""
        told = f'expected accuracy {self.accuracy}'
        if self.with_more is None:
            return f'{told}; it takes {LEAST_SHOTS} instances of each class to tell what more bring'
        low, high = (round(100 * bound) for bound in (self.with_more.low, self.with_more.high))
        return f'{told}; with {self.more} more per class expect {low} to {high} %'


def estimate(
    head: FewShotHead, bank: FeatureBank, groups: Sequence[str] | None = None, more: int = 5
) -> SupportEstimate | None:
    """Estimate what a head does on new instances.

    Args:
        head (FewShotHead): fitted on ``bank``; one that does not train.
        bank (FeatureBank): its support, all labelled, of the tasks that the head tells apart.
        groups (Sequence[str], optional): see :func:`leave_out_blocks`; the image of every instance,
            where several are of one. Defaults to None.
        more (int): instances per class that one might add. Defaults to 5.

    Returns:
        SupportEstimate | None: None where no class has two instances (or groups), or there is one
        class only.

    Raises:
        NotImplementedError: the head trains; :func:`held_out_scores` trains it anew.
        ValueError: ``groups`` has another length.
    """
    labels, names = bank.positions, bank.label_space.names
    blocks = leave_out_blocks(labels, groups)
    if not blocks or len(names) == 1:
        return None
    device = next(head.parameters(), bank.feats).device
    on_device = bank.feats.to(device), labels.to(device)
    scores = head.leave_out_scores(*on_device, blocks)
    typical = head.leave_out_typicality(*on_device, blocks)
    rows = sorted(position for block in blocks for position in block)
    scores, own = scores[rows], labels[rows]
    wrong = 1 - expected_right(scores, own)
    # Instances of one group are not as many labels as there are: what they bring is not known.
    alone = groups is None or len(set(groups)) == len(labels)
    curve = learning_curve(head, *on_device, float(wrong.mean())) if alone else None
    shots = mean_shots(labels)
    if curve is not None:
        # One instance fewer is a little worse: all instances share what the line says of that.
        wrong = (wrong * curve.error_at(shots) / wrong.mean().clamp(min=1e-12)).clamp(max=1)
    right = with_confidence(1 - wrong, scores, own)
    accuracy = expected_accuracy(right, own)
    temperature = fit_temperature(scores, own)
    return SupportEstimate(
        accuracy=accuracy,
        recalls={names[k]: expected_share(right[own == k]) for k in own.unique().tolist()},
        confusions=_confusions(scores, own, names),
        temperature=temperature,
        threshold=float(typical[rows].quantile(REJECTED)),
        label_errors=suspected_label_errors(
            scores / temperature, own, names, [bank.ids[row] for row in rows]
        ),
        curve=curve,
        more=more,
        with_more=None if curve is None else with_more(curve, accuracy, shots, more),
        not_estimated=tuple(name for k, name in enumerate(names) if k not in own.tolist()),
    )


def _confusions(
    scores: Tensor, labels: Tensor, names: Sequence[str]
) -> tuple[ConfusedClasses, ...]:
    counts = torch.zeros(len(names), len(names), dtype=torch.int64)
    counts.index_put_((labels, scores.argmax(1)), torch.tensor(1), accumulate=True)
    numbers = counts.sum(1).tolist()
    counts.fill_diagonal_(0)
    pairs = [
        ConfusedClasses(names[a], names[b], int(counts[a, b]), numbers[a])
        for a, b in counts.nonzero().tolist()
    ]
    return tuple(sorted(pairs, key=lambda pair: -pair.count))
