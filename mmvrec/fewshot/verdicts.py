"""What is to be done with an answer."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

from mmvrec.fewshot.fitted import FittedClassifier, Prediction
from mmvrec.fewshot.held_out import sure_threshold
from mmvrec.fewshot.no_defect import NO_DEFECT

#: ``sure``: few such answers are wrong; ``review``: a person should look; ``unknown``: unlike all
#: that is enrolled; ``no defect``: sure, and of that class.
Verdict = Literal['sure', 'review', 'unknown', 'no defect']
VERDICTS: tuple[str, ...] = get_args(Verdict)


@dataclass(frozen=True)
class VerdictRule:
    """Turns answers into verdicts.

    Args:
        threshold (float, optional): least score of sure answers, in [0, 1]; None where none is.
    """

    threshold: float | None

    @classmethod
    def of(cls, fitted: FittedClassifier, max_error: float = 0.02) -> 'VerdictRule':
        """Choose the threshold by the answers held out.

        Args:
            fitted (FittedClassifier): with answers held out; without any nothing is sure.
            max_error (float): share of wrong answers allowed among the sure ones, in [0, 1).
                Defaults to 0.02.

        Raises:
            ValueError: ``max_error`` is out of range.
        """
        if not 0 <= max_error < 1:
            raise ValueError(f'max_error must be 0 to 1, got {max_error}')
        return cls(sure_threshold(fitted.held_out, max_error))

    def verdict(self, prediction: Prediction, warnings: Collection[str] = ()) -> Verdict:
        """Judge an answer; one to an instance that is warned of is never sure."""
        if prediction.unknown:
            return 'unknown'
        if warnings or self.threshold is None or prediction.score < self.threshold:
            return 'review'
        return 'no defect' if prediction.label == NO_DEFECT else 'sure'
