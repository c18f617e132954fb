"""What finds the defects of an image, for everything else."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DetectedBoxes:
    """Regions of one image that may be defects, the surest first.

    :func:`mmvrec.apis.instances.image_instances` takes it as it takes what a detector gives.

    Args:
        boxes (np.ndarray): x1, y1, x2, y2 in pixels of the image, float32, (N, 4).
        scores (np.ndarray): how far each is from what is usual, float32, (N,); in the unit of the
            finder, higher is surer.
        masks (np.ndarray, optional): bool, (N, H, W); None where there are only boxes.
        heat_map (np.ndarray, optional): the score of every pixel, float32, (H, W); None where the
            finder has none.

    Raises:
        ValueError: the numbers differ, or are not finite.
    """

    boxes: np.ndarray
    scores: np.ndarray
    masks: np.ndarray | None = None
    heat_map: np.ndarray | None = None

    def __post_init__(self):
        number = len(self.scores)
        fits = self.boxes.shape == (number, 4) and self.scores.shape == (number,)
        if not fits or (self.masks is not None and len(self.masks) != number):
            masks = None if self.masks is None else self.masks.shape
            raise ValueError(
                f'boxes (N, 4), scores (N,) and masks (N, H, W) must be of the same N, got '
                f'{self.boxes.shape}, {self.scores.shape} and {masks}'
            )
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.scores).all()):
            raise ValueError('boxes or scores are NaN or infinite')

    def __len__(self) -> int:
        """Count the regions."""
        return len(self.scores)

    def select(self, rows: np.ndarray) -> 'DetectedBoxes':
        """Select some of the regions, by their numbers or by a mask, bool, (N,)."""
        masks = None if self.masks is None else self.masks[rows]
        return DetectedBoxes(self.boxes[rows], self.scores[rows], masks, self.heat_map)


class Finder(ABC):
    """Finds what may be a defect."""

    @abstractmethod
    def find(self, image: np.ndarray) -> DetectedBoxes:
        """Find regions.

        Args:
            image (np.ndarray): uint8, RGB, (H, W, 3).

        Returns:
            DetectedBoxes: may be none.
        """
