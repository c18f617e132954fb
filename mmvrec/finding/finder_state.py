"""What a finder has learnt."""

from dataclasses import dataclass

import numpy as np

from mmvrec.finding.linear_score import LinearScore

#: Log-odds beyond these are all the same: scores are probabilities in float32.
_MOST_SURE = 16.0


@dataclass(frozen=True)
class LeftOutCounts:
    """What was found on photos by what others have taught.

    Args:
        found (int): annotated defects that a region points at.
        annotated (int): all of them.
        false_alarms (int): regions that point at none.
        photos (int): number of photos.
    """

    found: int
    annotated: int
    false_alarms: int
    photos: int


@dataclass(frozen=True)
class SecondStage:
    """Which of the regions that a finder takes for defects are kept, by what a classifier adds.

    Args:
        score (LinearScore): of two log-odds that there is a defect: the finder's, and the
            classifier's that the region is of any class but ``no defect``.
        threshold (float): score from which a region is kept.
        left_out (LeftOutCounts): what both stages find on photos that have taught neither.
    """

    score: LinearScore
    threshold: float
    left_out: LeftOutCounts

    @staticmethod
    def feats(scores: np.ndarray, odds: np.ndarray) -> np.ndarray:
        """What :attr:`score` takes, float64, (N, 2).

        Args:
            scores (np.ndarray): the finder's, probabilities, float, (N,).
            odds (np.ndarray): the classifier's log-odds, float, (N,).
        """
        scores = np.asarray(scores, np.float64)
        with np.errstate(divide='ignore'):
            logits = np.log(scores) - np.log1p(-scores)
        return np.stack([logits.clip(-_MOST_SURE, _MOST_SURE), odds], 1)

    def keeps(self, scores: np.ndarray, odds: np.ndarray) -> np.ndarray:
        """Which regions are kept, bool, (N,); arguments as of :meth:`feats`."""
        return self.score(self.feats(scores, odds)) >= self.threshold


@dataclass(frozen=True)
class FinderState:
    """What a :class:`TrainedPatchFinder` has learnt.

    Args:
        patches (LinearScore): of the features of patches, (C,).
        levels (np.ndarray): thresholds of their scores, float32, ascending, (L,).
        regions (LinearScore): of the features of regions, (D,).
        threshold (float): score from which a region is found.
        candidates (float): score from which a region is worth the look of a second stage.
        left_out (LeftOutCounts): how that was on the photos that taught it, each left out.
        date (str): when it was learnt, ISO 8601, UTC; empty where that is not known.
    """

    patches: LinearScore
    levels: np.ndarray
    regions: LinearScore
    threshold: float
    candidates: float
    left_out: LeftOutCounts
    date: str = ''
