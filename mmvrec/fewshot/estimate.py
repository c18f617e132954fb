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
)
from mmvrec.fewshot.label_errors import LabelError, suspected_label_errors
from mmvrec.fewshot.learning_curve import LearningCurve, learning_curve
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

    Every instance is scored by a fit without it (:func:`leave_out_blocks`). All of it is about
    instances like those in the support: what was labelled is all that is known.

    Args:
        accuracy (Share): expected on queries whose classes occur equally often.
        recalls (dict[str, Share]): the same of every class that could be left out, by name.
        confusions (tuple[ConfusedClasses, ...]): most frequent first.
        temperature (float): of the scores, see :func:`fit_temperature`.
        threshold (float): typicality below which an instance is unknown; see
            :meth:`FewShotHead.typicality`.
        label_errors (tuple[LabelError, ...]): labels that the rest of the support contradicts, the
            clearest first.
        curve (LearningCurve, optional): what more labels would bring; None where the support is
            too small to tell, or the head trains.
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
    not_estimated: tuple[str, ...]

    def to_dict(self) -> dict:
        """The fields in types that JSON has."""
        return asdict(self)


def estimate(
    head: FewShotHead, bank: FeatureBank, groups: Sequence[str] | None = None
) -> SupportEstimate | None:
    """Estimate what a head does on new instances.

    Args:
        head (FewShotHead): fitted on ``bank``; one that does not train.
        bank (FeatureBank): its support, all labelled, of the tasks that the head tells apart.
        groups (Sequence[str], optional): see :func:`leave_out_blocks`; the image of every instance,
            where several are of one. Defaults to None.

    Returns:
        SupportEstimate | None: None where no class has two instances (or groups).

    Raises:
        NotImplementedError: the head trains; :func:`held_out_scores` trains it anew.
        ValueError: ``groups`` has another length.
    """
    labels, names = bank.positions, bank.label_space.names
    blocks = leave_out_blocks(labels, groups)
    if not blocks:
        return None
    device = next(head.parameters(), bank.feats).device
    feats = bank.feats.to(device)
    scores = head.leave_out_scores(feats, labels.to(device), blocks)
    typical = head.leave_out_typicality(feats, labels.to(device), blocks)
    known = scores.isnan().logical_not().all(1)
    rows = known.nonzero().flatten().tolist()
    scores, own = scores[known], labels[known]
    right = expected_right(scores, own)
    temperature = fit_temperature(scores, own)
    accuracy = expected_accuracy(right, own)
    return SupportEstimate(
        accuracy=accuracy,
        recalls={names[k]: expected_share(right[own == k]) for k in own.unique().tolist()},
        confusions=_confusions(scores, own, names),
        temperature=temperature,
        threshold=float(typical[known].quantile(REJECTED)),
        label_errors=suspected_label_errors(
            scores / temperature, own, names, [bank.ids[row] for row in rows]
        ),
        curve=learning_curve(head, feats, labels.to(device), accuracy),
        not_estimated=tuple(n for k, n in enumerate(names) if k not in own.tolist()),
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
