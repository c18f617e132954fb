"""Nested regions of a map of patches, and what is known of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

#: Pixels of a region's mask per patch, in each direction.
FINE = 4
#: Smallest region, in these pixels: three quarters of a patch.
_SMALLEST = 12
#: Of two nested regions the smaller one is left out where it has more than this of the other.
_SAME = 0.8
#: Patches around a region that it is compared with.
_RING = np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class FoundRegion:
    """A connected set of patches with high scores.

    Args:
        box (np.ndarray): x1, y1, x2, y2 in pixels of the fine grid, float32, (4,).
        mask (np.ndarray): bool, (FINE * h, FINE * w).
        feats (np.ndarray): what is known of it, float32, (D,).
    """

    box: np.ndarray
    mask: np.ndarray
    feats: np.ndarray


def nested_regions(
    scores: np.ndarray, feats: np.ndarray, levels: Sequence[float]
) -> list[FoundRegion]:
    """Regions above each of several thresholds: small ones lie inside larger ones.

    Which of them fits a defect best is told by their features, not by one threshold for all
    (the component tree: Matas et al., "Robust wide-baseline stereo from maximally stable extremal
    regions", 2004).

    Args:
        scores (np.ndarray): of patches, float32, (h, w).
        feats (np.ndarray): of patches, float32, (C, h, w).
        levels (Sequence[float]): thresholds, ascending.

    Returns:
        list[FoundRegion]: those of lower thresholds first; ``feats`` has D = 2 * C + 14.
    """
    height, width = scores.shape
    fine = cv2.resize(scores, (FINE * width, FINE * height), interpolation=cv2.INTER_LINEAR)
    regions: list[FoundRegion] = []
    kept: list[np.ndarray] = []
    for level in levels:
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            (fine > level).astype(np.uint8), connectivity=8
        )
        for index in range(1, count):
            left, top, wide, high, area = stats[index]
            extent = np.array([left, top, left + wide, top + high, area])
            if area < _SMALLEST or any(_is_same(extent, other) for other in kept):
                continue
            kept.append(extent)
            mask = labels == index
            known = region_feats(mask, scores, feats)
            regions.append(FoundRegion(extent[:4].astype(np.float32), mask, known))
    return regions


def _is_same(inner: np.ndarray, outer: np.ndarray) -> bool:
    """Tell whether a region lies in another that is hardly larger."""
    inside = (inner[:2] >= outer[:2]).all() and (inner[2:4] <= outer[2:4]).all()
    return bool(inside) and inner[4] > _SAME * outer[4]


def region_feats(mask: np.ndarray, scores: np.ndarray, feats: np.ndarray) -> np.ndarray:
    """What is known of a region.

    Args:
        mask (np.ndarray): bool, not empty, (FINE * h, FINE * w).
        scores (np.ndarray): of patches, float32, (h, w).
        feats (np.ndarray): of patches, float32, (C, h, w).

    Returns:
        np.ndarray: float32, (2 * C + 14,): the mean feature; that minus the mean of the patches
        around; and size, shape, scores and touched borders.
    """
    height, width = scores.shape
    inside = mask.reshape(height, FINE, width, FINE).mean((1, 3)).astype(np.float32)
    around = (cv2.dilate(inside, _RING) - inside).clip(0, 1) + np.float32(1e-9)
    inside, around = inside / inside.sum(), around / around.sum()
    own = np.tensordot(feats, inside, 2)
    other = np.tensordot(feats, around, 2)
    touched = scores[inside > 0]
    mean, surround = (scores * inside).sum(), (scores * around).sum()
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
    area = mask.sum()
    numbers = [
        *(touched.max(), mean, mean - surround, surround, scores.max() - touched.max()),
        *(np.median(scores), np.log(area), np.log(area / mask.size), np.log(wide / high)),
        area / (wide * high),
        *(rows[0] == 0, columns[0] == 0, rows[-1] == len(mask) - 1),
        columns[-1] == mask.shape[1] - 1,
    ]
    return np.concatenate([own, own - other, np.array(numbers, np.float32)]).astype(np.float32)


def fits_defect(box: np.ndarray, defect: np.ndarray, margin: float) -> bool:
    """Tell whether a box points at a defect.

    Args:
        box (np.ndarray): x1, y1, x2, y2, float, (4,).
        defect (np.ndarray): box of the defect in the same unit, float, (4,).
        margin (float): pixels by which a box around a small defect may be larger than it.

    Returns:
        bool: their IoU is at least 0.3, or the defect's centre is in the box and the box at most
        twice the defect with half of the margin on every side.
    """
    sides = np.minimum(box[2:], defect[2:]) - np.maximum(box[:2], defect[:2])
    shared = np.prod(sides.clip(0))
    area, own = np.prod(box[2:] - box[:2]), np.prod(defect[2:] - defect[:2])
    if shared >= 0.3 * (area + own - shared):
        return True
    centre = (defect[:2] + defect[2:]) / 2
    inside = (box[:2] <= centre).all() and (centre < box[2:]).all()
    return bool(inside and area <= 2 * np.prod(defect[2:] - defect[:2] + margin))


def surest_apart(boxes: np.ndarray, scores: np.ndarray, most: float = 0.3) -> np.ndarray:
    """Choose the surest boxes of those that lie on each other.

    Args:
        boxes (np.ndarray): x1, y1, x2, y2, float, (N, 4).
        scores (np.ndarray): float, (N,).
        most (float): of the smaller one, that two boxes may share. Defaults to 0.3.

    Returns:
        np.ndarray: their rows, int64, the surest first.
    """
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept: list[int] = []
    for row in np.argsort(-scores, kind='stable'):
        others = boxes[kept]
        sides = np.minimum(boxes[row, 2:], others[:, 2:]) - np.maximum(
            boxes[row, :2], others[:, :2]
        )
        if (np.prod(sides.clip(0), axis=1) <= most * np.minimum(areas[row], areas[kept])).all():
            kept.append(int(row))
    return np.array(kept, np.int64)
