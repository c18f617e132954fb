"""From a heat-map to regions, without a threshold that somebody has to tune."""

import cv2
import numpy as np

from mmvrec.datasets.mask_instances import connected_components
from mmvrec.finding.base import DetectedBoxes
from mmvrec.structures import mask_bbox

#: Thresholds that are tried.
_LEVELS = 48


def regions_of(
    heat_map: np.ndarray, threshold: float, min_area: int, margin: int = 0
) -> DetectedBoxes:
    """Separate the regions of a heat-map above a threshold.

    Args:
        heat_map (np.ndarray): float32, (H, W).
        threshold (float): values above it are inside.
        min_area (int): smaller components, in pixels, are dropped.
        margin (int): pixels by which boxes are larger than their components. Defaults to 0.

    Returns:
        DetectedBoxes: with masks, and the highest value of each as score, the highest first.
    """
    height, width = heat_map.shape
    masks = connected_components(heat_map > threshold, min_area=min_area)
    scores = np.array([heat_map[mask].max() for mask in masks], np.float32)
    boxes = np.array([mask_bbox(mask) for mask in masks], np.float32).reshape(-1, 4)
    boxes += np.array([-margin, -margin, margin, margin], np.float32)
    found = DetectedBoxes(
        boxes.clip(0, [width, height, width, height]).astype(np.float32),
        scores,
        np.array(masks, bool).reshape(-1, height, width),
        heat_map,
    )
    return found.select(np.argsort(-scores, kind='stable'))


def stable_threshold(heat_map: np.ndarray, lowest: float, min_area: int) -> float:
    """The threshold at which the number of regions depends least on it.

    Of thresholds from ``lowest`` to the highest value, a constant factor apart, the longest run
    that gives the same number of components is taken, and of it the lowest threshold, at which the
    components are whole. Regions that persist over many thresholds are what stands out; those of
    noise come and go (the idea of persistence: Edelsbrunner et al., "Topological persistence and
    simplification", 2002).

    Args:
        heat_map (np.ndarray): float32, (H, W).
        lowest (float): no threshold is below it, positive.
        min_area (int): smaller components, in pixels, do not count.

    Returns:
        float: the threshold; ``lowest`` where no value is above it.
    """
    highest = float(heat_map.max())
    if highest <= lowest:
        return lowest
    thresholds = np.geomspace(lowest, highest, _LEVELS, endpoint=False)
    best, start = (0, 0), 0
    counts = [_count(heat_map > threshold, min_area) for threshold in thresholds]
    for index in range(1, _LEVELS + 1):
        if index == _LEVELS or counts[index] != counts[start]:
            if counts[start] and index - start > best[0]:
                best = index - start, start
            start = index
    return float(thresholds[best[1]])


def _count(inside: np.ndarray, min_area: int) -> int:
    """Count components of at least that many pixels."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=8)
    return int((stats[1:, cv2.CC_STAT_AREA] >= min_area).sum())
