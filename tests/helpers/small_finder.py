"""A finder that has learnt from a few generated photos, made once for all tests."""

from functools import cache

import numpy as np

from mmvrec.finding import TrainedPatchFinder
from mmvrec.finding.finder_state import FinderState
from mmvrec.synthesis import generate, image_rng

SIZE = (160, 192)


def photo(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Image, uint8, (H, W, 3), and mask of its defect, bool, (1, H, W)."""
    rng = image_rng(0, 'brushed_metal', 'crack', number)
    image, mask = generate('brushed_metal', 'crack', rng, SIZE)
    return image, mask[None] > 0


@cache
def learnt() -> FinderState:
    images, masks = zip(*map(photo, range(6)), strict=True)
    return TrainedPatchFinder(false_alarms=1).fit(images, masks).state


def small_finder() -> TrainedPatchFinder:
    finder = TrainedPatchFinder(false_alarms=1)
    finder.state = learnt()
    return finder
