"""What is to be done with an answer, by the answers held out.

The standard library alone: mmvrec-runtime has a copy of this file, to the byte.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

#: Name of the class of regions that have no defect.
NO_DEFECT = 'no defect'
#: ``sure``: few such answers are wrong; ``review``: a person should look; ``unknown``: unlike all
#: that is enrolled; ``no defect``: sure, and of that class.
Verdict = Literal['sure', 'review', 'unknown', 'no defect']
VERDICTS: tuple[str, ...] = get_args(Verdict)


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


class HasHeldOut(Protocol):
    """A classifier with the answers held out."""

    held_out: Sequence[HeldOutAnswer]


class Answer(Protocol):
    """What verdicts are given of: the most probable class, its probability, and whether unknown."""

    label: str
    score: float
    unknown: bool | None


@dataclass(frozen=True)
class VerdictRule:
    """Turns answers into verdicts.

    Args:
        threshold (float, optional): least score of sure answers, in [0, 1]; None where none is.
    """

    threshold: float | None

    @classmethod
    def of(cls, fitted: HasHeldOut, max_error: float = 0.02) -> 'VerdictRule':
        """Choose the threshold by the answers held out.

        Args:
            fitted (HasHeldOut): with answers held out; without any nothing is sure.
            max_error (float): share of wrong answers allowed among the sure ones, in [0, 1).
                Defaults to 0.02.

        Raises:
            ValueError: ``max_error`` is out of range.
        """
        if not 0 <= max_error < 1:
            raise ValueError(f'max_error must be 0 to 1, got {max_error}')
        return cls(sure_threshold(fitted.held_out, max_error))

    def verdict(self, answer: Answer, warnings: Collection[str] = ()) -> Verdict:
        """Judge an answer; one to an instance that is warned of is never sure."""
        if answer.unknown:
            return 'unknown'
        if warnings or self.threshold is None or answer.score < self.threshold:
            return 'review'
        return 'no defect' if answer.label == NO_DEFECT else 'sure'


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
