"""Patches and regions of annotated photos, to learn from; each judged by what it has not taught."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from mmvrec.finding.linear_score import LinearScore
from mmvrec.finding.patch_features import touched_patches
from mmvrec.finding.regions import FINE, FoundRegion, fits_defect, nested_regions
from mmvrec.structures import mask_bbox

#: Parts in which the photos are left out.
_FOLDS = 5
#: Patches of a photo that are taken, of each kind.
_PATCHES = 150
#: Part of a patch that a defect covers, from which the patch is one of a defect.
_COVERED = 0.3
#: Pixels around an annotation that are not taken for clean: people outline sparingly.
_MARGIN = 16
#: Standard deviation of the Gaussian over scores of patches, in patches.
_SMOOTHING = 0.5


@dataclass(frozen=True)
class AnnotatedPhoto:
    """What is known of one photo.

    Args:
        feats (np.ndarray): of its patches, float16, (C, h, w).
        covered (np.ndarray): part of each patch that is annotated, float32, (h, w).
        clean (np.ndarray): patches away from annotations, bool, (h, w).
        defects (np.ndarray): boxes of its defects on the fine grid, float32, (N, 4).
        margin (float): see :func:`fits_defect`; 16 pixels of the photo, on the fine grid.
        group (int): photos of one group show the same part.
    """

    feats: np.ndarray
    covered: np.ndarray
    clean: np.ndarray
    defects: np.ndarray
    margin: float
    group: int

    @classmethod
    def of(cls, feats: np.ndarray, masks: np.ndarray, group: int) -> 'AnnotatedPhoto':
        """Describe a photo by its features and the masks of its defects, bool, (N, H, W)."""
        grid = feats.shape[1:]
        union = masks.any(0)
        scale = np.array([grid[1], grid[0]]) * FINE / np.array(union.shape[::-1])
        boxes = np.array([mask_bbox(mask) for mask in masks], np.float32).reshape(-1, 4)
        areas = F.adaptive_avg_pool2d(torch.from_numpy(union)[None].float(), grid)[0]
        return cls(
            feats.astype(np.float16),
            areas.numpy(),
            ~touched_patches(union, grid, _MARGIN),
            (boxes * np.tile(scale, 2)).astype(np.float32),
            float(_MARGIN * scale.mean()),
            group,
        )

    def patches(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw patches: features (M, C), whether each is of a defect (M,), and weights (M,).

        Clean ones weigh 1 together, and those of defects too. Defects smaller than a patch have the
        patch that they cover most.
        """
        covered = self.covered.ravel()
        marked = np.flatnonzero(covered > min(_COVERED, covered.max() * 0.999))
        marked = marked[covered[marked] > 0]
        kinds = [rng.permutation(rows)[:_PATCHES] for rows in (np.flatnonzero(self.clean), marked)]
        rows = np.concatenate(kinds)
        weights = np.concatenate([np.full(len(kind), 1 / max(len(kind), 1)) for kind in kinds])
        feats = self.feats.reshape(len(self.feats), -1)[:, rows].T
        return feats.astype(np.float32), np.arange(len(rows)) >= len(kinds[0]), weights

    def labels(self, regions: Sequence[FoundRegion]) -> np.ndarray:
        """Which regions fit which defects, bool, (R, N)."""
        fits = [[fits_defect(one.box, box, self.margin) for box in self.defects] for one in regions]
        return np.array(fits, bool).reshape(len(regions), len(self.defects))


def patch_scores(score: LinearScore, feats: np.ndarray) -> np.ndarray:
    """Smoothed log-odds of the patches of a photo, float32, (h, w), of features (C, h, w)."""
    flat = score(feats.reshape(len(feats), -1).T)
    return cv2.GaussianBlur(flat.reshape(feats.shape[1:]), (0, 0), _SMOOTHING)


def fit_patches(photos: Sequence[AnnotatedPhoto], seed: int = 0) -> LinearScore:
    """Learn to tell patches of defects from clean ones.

    Raises:
        ValueError: no photo is annotated, or nothing of them is clean.
    """
    rng = np.random.default_rng(seed)
    feats, kinds, weights = map(
        np.concatenate, zip(*(photo.patches(rng) for photo in photos), strict=True)
    )
    if kinds.all() or not kinds.any():
        raise ValueError(
            'photos with annotated defects are needed, and parts of them without; '
            + ('nothing is annotated' if not kinds.any() else 'all is annotated')
        )
    return LinearScore.fit(feats, kinds, weights)


def left_out_scores(photos: Sequence[AnnotatedPhoto], seed: int = 0) -> list[np.ndarray]:
    """Scores of the patches of every photo by what the photos of other groups teach."""
    scores: list[np.ndarray | None] = [None] * len(photos)
    for inside, outside in folds([photo.group for photo in photos]):
        score = fit_patches([photos[row] for row in inside], seed)
        for row in outside:
            scores[row] = patch_scores(score, photos[row].feats)
    return scores


def folds(groups: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to learn from and rows that are left out, at most five times; groups stay together.

    Raises:
        ValueError: there is one group only.
    """
    _, numbers = np.unique(groups, return_inverse=True)
    if numbers.max(initial=0) < 1:
        raise ValueError(
            'photos of at least two different parts are needed, to judge each by others'
        )
    parts = numbers % _FOLDS
    return [
        (np.flatnonzero(parts != part), np.flatnonzero(parts == part)) for part in np.unique(parts)
    ]


def photo_regions(
    photos: Sequence[AnnotatedPhoto], scores: Sequence[np.ndarray], levels: Sequence[float]
) -> list[list[FoundRegion]]:
    """Regions of every photo, see :func:`nested_regions`."""
    return [
        nested_regions(own, photo.feats.astype(np.float32), levels)
        for photo, own in zip(photos, scores, strict=True)
    ]
