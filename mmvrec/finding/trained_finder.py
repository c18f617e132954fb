"""Defects as what annotated photos show them to be, found by patches and then by regions."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np
from torch import Tensor

from mmvrec.finding.base import DetectedBoxes, Finder
from mmvrec.finding.finder_state import FinderState, LeftOutCounts, SecondStage
from mmvrec.finding.linear_score import LinearScore
from mmvrec.finding.patch_features import check_masks, patch_backbone, patch_features
from mmvrec.finding.regions import FoundRegion, nested_regions, surest_apart
from mmvrec.finding.trained_patches import (
    AnnotatedPhoto,
    fit_patches,
    folds,
    left_out_scores,
    patch_scores,
    photo_regions,
)
from mmvrec.registry import FINDERS
from mmvrec.structures import mask_bbox

#: Shares of patches below the thresholds of which regions are made.
_LEVELS = (0.75, 0.82, 0.88, 0.92, 0.95, 0.97, 0.985, 0.995)
#: Regions per photo without defect that a second stage looks at.
_CANDIDATES = 2.0


@FINDERS.register_module()
class TrainedPatchFinder(Finder):
    """Two stages on the patches of one network, both learnt from the annotated photos alone.

    Patches of annotated defects are told from patches of everything else by a logistic regression.
    Its map is cut at several thresholds into nested regions; a second regression, on what is known
    of a region and of what is around it, tells those that fit a defect from false alarms, and of
    regions on each other the surest is taken. It learns from the regions that the first stage makes
    on photos it was not fitted on, as it will meet them. The threshold is the lowest that keeps to
    ``false_alarms`` on photos left out of both stages: nothing is tuned by hand.

    Unlike :class:`PatchMemoryFinder` it looks for the kinds of defects that are annotated, and may
    pass over others.

    Args:
        false_alarms (float): regions per photo that may be found where there is no defect, judged
            by the photos left out. Defaults to 0.5.
        max_side (int): larger photos are shrunk to it, pixels. Defaults to 1024.
        seed (int): of the choice of patches. Defaults to 0.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(self, false_alarms: float = 0.5, max_side: int = 1024, seed: int = 0):
        if not false_alarms >= 0 or max_side < 64:
            raise ValueError(
                'false_alarms must not be negative and max_side be at least 64, got '
                f'{false_alarms} and {max_side}'
            )
        self.false_alarms = false_alarms
        self.max_side = max_side
        self.seed = seed
        self.backbone = patch_backbone()
        #: None before :meth:`fit`.
        self.state: FinderState | None = None
        #: What keeps some of its candidates; None where there is no second stage.
        self.second: SecondStage | None = None
        #: Regions of the photos that it was fitted on, and their scores, by what the others have
        #: taught; empty where it was loaded.
        self.left_out: list[tuple[list[FoundRegion], np.ndarray]] = []

    def fit(
        self,
        images: Iterable[np.ndarray],
        masks: Iterable[np.ndarray],
        groups: Sequence[int] | None = None,
    ) -> 'TrainedPatchFinder':
        """Learn from annotated photos.

        Args:
            images (Iterable[np.ndarray]): photos, uint8, RGB, (H, W, 3), of any sizes; several with
                defects, others may be without.
            masks (Iterable[np.ndarray]): of all defects of each, bool, (N, H, W).
            groups (Sequence[int], optional): photos of the same part have the same number, and are
                left out together. Defaults to None: every photo is of another part.

        Returns:
            TrainedPatchFinder: self.

        Raises:
            ValueError: photos of one part only, masks of another size, or nothing or all is
                annotated.
        """
        photos = []
        for index, (image, own) in enumerate(zip(images, masks, strict=True)):
            check_masks(index, image, own)
            group = index if groups is None else groups[index]
            photos.append(AnnotatedPhoto.of(self.features(image).numpy(), own, group))
        state, self.left_out = fit_state(photos, self.false_alarms, self.seed)
        date = datetime.now(UTC).isoformat(timespec='seconds')
        self.state, self.second = replace(state, date=date), None
        return self

    def features(self, image: np.ndarray) -> Tensor:
        """Features of the patches of a photo, see :func:`patch_features`."""
        return patch_features(self.backbone, image, self.max_side)

    def find(self, image: np.ndarray) -> DetectedBoxes:
        """Find regions; scores are probabilities to be a defect; see the base class.

        Raises:
            ValueError: nothing is fitted yet.
        """
        return self._above(image, self._learnt().threshold)

    def candidates(self, image: np.ndarray) -> DetectedBoxes:
        """Find also what is less sure, for a second stage; see :meth:`find`."""
        return self._above(image, self._learnt().candidates)

    def left_out_candidates(self, index: int, shape: tuple[int, int]) -> DetectedBoxes:
        """:meth:`candidates` of a photo that it was fitted on, by what the others have taught.

        Args:
            index (int): which photo, in the order of :meth:`fit`.
            shape (tuple[int, int]): its height and width, pixels.
        """
        return detected(*self.left_out[index], self._learnt().candidates, shape)

    def _learnt(self) -> FinderState:
        if self.state is None:
            raise ValueError('the finder has learnt nothing yet: fit it on annotated photos')
        return self.state

    def _above(self, image: np.ndarray, threshold: float) -> DetectedBoxes:
        """Regions of an image with such a score or a higher one."""
        state, feats = self.state, self.features(image).numpy()
        scores = patch_scores(state.patches, feats)
        regions = nested_regions(scores, feats, state.levels)
        sure = state.regions(stacked(regions, len(state.regions.weight)))
        heat_map = cv2.resize(scores, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return replace(detected(regions, sure, threshold, image.shape[:2]), heat_map=heat_map)


def detected(
    regions: Sequence[FoundRegion], sure: np.ndarray, threshold: float, shape: tuple[int, int]
) -> DetectedBoxes:
    """Regions that do not lie on each other, in pixels of the photo.

    Args:
        regions (Sequence[FoundRegion]): R of them.
        sure (np.ndarray): their log-odds, float, (R,).
        threshold (float): those with lower ones are left out.
        shape (tuple[int, int]): height and width of the photo, pixels.
    """
    rows = surest_apart(boxes_of(regions), sure)
    rows = rows[sure[rows] >= threshold]
    masks = [
        cv2.resize(regions[row].mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST)
        for row in rows
    ]
    return DetectedBoxes(
        np.array([mask_bbox(mask) for mask in masks], np.float32).reshape(-1, 4),
        (1 / (1 + np.exp(-sure[rows]))).astype(np.float32),
        np.array(masks, bool).reshape(-1, *shape),
    )


def fit_state(
    photos: Sequence[AnnotatedPhoto], false_alarms: float, seed: int = 0
) -> tuple[FinderState, list[tuple[list[FoundRegion], np.ndarray]]]:
    """Learn both stages, see :class:`TrainedPatchFinder`, and score the regions left out."""
    scores = left_out_scores(photos, seed)
    levels = np.quantile(np.concatenate([one.ravel() for one in scores]), _LEVELS)
    levels = levels.astype(np.float32)
    regions = photo_regions(photos, scores, levels)
    labels = [photo.labels(own) for photo, own in zip(photos, regions, strict=True)]
    sure: list[np.ndarray | None] = [None] * len(photos)
    for inside, outside in folds([photo.group for photo in photos]):
        score = fit_regions([regions[i] for i in inside], [labels[i] for i in inside])
        for row in outside:
            sure[row] = score(stacked(regions[row], len(score.weight)))
    threshold, counts = choose_threshold(regions, labels, sure, false_alarms)
    candidates, _ = choose_threshold(regions, labels, sure, max(_CANDIDATES, false_alarms))
    state = FinderState(
        patches=fit_patches(photos, seed),
        levels=levels,
        regions=fit_regions(regions, labels),
        threshold=threshold,
        candidates=candidates,
        left_out=counts,
    )
    return state, list(zip(regions, sure, strict=True))


def fit_regions(
    regions: Sequence[Sequence[FoundRegion]], labels: Sequence[np.ndarray]
) -> LinearScore:
    """Learn to tell regions that fit a defect from others.

    Raises:
        ValueError: all do, or none.
    """
    fits = np.concatenate([own.any(1) for own in labels])
    if fits.all() or not fits.any():
        raise ValueError(
            f'{fits.sum()} of {len(fits)} regions fit an annotated defect, so that there is '
            'nothing to tell apart; annotate more photos'
        )
    feats = [region.feats for own in regions for region in own]
    return LinearScore.fit(np.stack(feats), fits)


def choose_threshold(
    regions: Sequence[Sequence[FoundRegion]],
    labels: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    false_alarms: float,
) -> tuple[float, LeftOutCounts]:
    """The lowest threshold that keeps to a number of false alarms, and what it gives.

    Args:
        regions (Sequence[Sequence[FoundRegion]]): of every photo.
        labels (Sequence[np.ndarray]): which of them fit which defects, bool, (R, N), of each.
        scores (Sequence[np.ndarray]): of them, float, (R,), of each.
        false_alarms (float): per photo.
    """
    kept = [surest_apart(boxes_of(own), sure) for own, sure in zip(regions, scores, strict=True)]
    false = [sure[k][~own[k].any(1)] for k, own, sure in zip(kept, labels, scores, strict=True)]
    wrong = -np.sort(-np.concatenate(false))
    allowed = int(false_alarms * len(regions))
    # The next one would be too many; where there are fewer, all regions are taken.
    lowest = min(float(sure.min(initial=0)) for sure in scores)
    threshold = float(np.nextafter(wrong[allowed], np.inf)) if len(wrong) > allowed else lowest
    found = number = 0
    for k, own, sure in zip(kept, labels, scores, strict=True):
        found += own[k[sure[k] >= threshold]].any(0).sum()
        number += own.shape[1]
    counts = LeftOutCounts(int(found), number, int((wrong >= threshold).sum()), len(regions))
    return threshold, counts


def stacked(regions: Sequence[FoundRegion], channels: int) -> np.ndarray:
    """Features of regions, float32, (R, D)."""
    return np.array([one.feats for one in regions], np.float32).reshape(len(regions), channels)


def boxes_of(regions: Sequence[FoundRegion]) -> np.ndarray:
    """Boxes of regions, float32, (R, 4)."""
    return np.array([region.box for region in regions], np.float32).reshape(-1, 4)
