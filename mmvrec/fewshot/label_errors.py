"""Labels that the rest of the support contradicts."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from mmvrec.fewshot.leave_out import margins


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
