"""The distance from which a patch counts as unusual, from annotated photos alone."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmvrec.datasets.mask_instances import connected_components

#: Thresholds that are tried.
_CANDIDATES = 64


@dataclass(frozen=True)
class LeftOutPhoto:
    """What a photo looks like to the memory of the others.

    Args:
        heat_map (np.ndarray): distances, float32, (H, W).
        annotated (np.ndarray): pixels of defects, bool, (H, W).
    """

    heat_map: np.ndarray
    annotated: np.ndarray


def threshold_of(photos: Sequence[LeftOutPhoto], false_alarms: float, min_area: int) -> float:
    """The lowest threshold with so few regions where nothing is annotated.

    Args:
        photos (Sequence[LeftOutPhoto]): at least one.
        false_alarms (float): such regions per photo that are allowed.
        min_area (int): smaller components, in pixels, are no region.

    Returns:
        float: positive; in the unit of the heat-maps.
    """
    highest = max(float(photo.heat_map.max()) for photo in photos)
    lowest = min(float(np.median(photo.heat_map)) for photo in photos)
    # The highest, above which there is nothing, always passes.
    candidates = np.geomspace(max(lowest, 1e-6 * highest, 1e-12), max(highest, 1e-12), _CANDIDATES)
    candidates[-1] = max(highest, 1e-12)
    allowed = false_alarms * len(photos)

    def is_quiet(threshold: float) -> bool:
        return sum(_false_alarms(one, threshold, min_area) for one in photos) <= allowed

    return float(candidates[bisect_left(candidates, True, hi=_CANDIDATES - 1, key=is_quiet)])


def _false_alarms(photo: LeftOutPhoto, threshold: float, min_area: int) -> int:
    """Count the regions that touch no annotation."""
    regions = connected_components(photo.heat_map > threshold, min_area=min_area)
    return sum(not photo.annotated[region].any() for region in regions)
