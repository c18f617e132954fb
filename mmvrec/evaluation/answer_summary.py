"""Answers to labelled instances in numbers that tell how much they are worth."""

from collections.abc import Sequence
from dataclasses import dataclass

from sklearn.metrics import confusion_matrix

from mmvrec.evaluation.intervals import wilson_interval


@dataclass(frozen=True)
class Proportion:
    """A share of counted instances, with Wilson's 95 % interval.

    Args:
        count (int): instances that are so.
        number (int): instances that could be; 0 where nothing is known.
        low (float): lower bound, in [0, 1].
        high (float): upper bound, in [0, 1].
    """

    count: int
    number: int
    low: float
    high: float

    @classmethod
    def of(cls, count: int, number: int) -> 'Proportion':
        """The share ``count / number``; of nothing it may be anything."""
        return cls(count, number, *(wilson_interval(count / number, number) if number else (0, 1)))

    def __str__(self) -> str:
        """As ``17 of 20, 85 % (64 to 95 %)``."""
        if not self.number:
            return '0 of 0'
        low, high = (f'{100 * bound:.0f}' for bound in (self.low, self.high))
        share = 100 * self.count / self.number
        return f'{self.count} of {self.number}, {share:.0f} % ({low} to {high} %)'


@dataclass(frozen=True)
class AnswerSummary:
    """What was right.

    Args:
        accuracy (Proportion): right answers of all.
        recalls (dict[str, Proportion]): of every class, right answers of its instances.
        precisions (dict[str, Proportion]): of every class, right answers of those that name it.
        classes (tuple[str, ...]): names in the order of the counts.
        confusion (tuple[tuple[int, ...], ...]): instances by class (rows) and answer (columns).
    """

    accuracy: Proportion
    recalls: dict[str, Proportion]
    precisions: dict[str, Proportion]
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    @classmethod
    def of(
        cls, labels: Sequence[str], answers: Sequence[str], classes: Sequence[str]
    ) -> 'AnswerSummary':
        """Count answers.

        Args:
            labels (Sequence[str]): true classes of at least one instance.
            answers (Sequence[str]): predicted classes.
            classes (Sequence[str]): all class names.
        """
        counts = confusion_matrix(labels, answers, labels=list(classes))
        right = counts.diagonal().tolist()
        return cls(
            accuracy=Proportion.of(sum(right), len(labels)),
            recalls=_proportions(classes, right, counts.sum(1).tolist()),
            precisions=_proportions(classes, right, counts.sum(0).tolist()),
            classes=tuple(classes),
            confusion=tuple(map(tuple, counts.tolist())),
        )


def _proportions(
    classes: Sequence[str], right: Sequence[int], numbers: Sequence[int]
) -> dict[str, Proportion]:
    return {
        name: Proportion.of(count, number)
        for name, count, number in zip(classes, right, numbers, strict=True)
    }
