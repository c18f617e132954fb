"""What finds the defects of an image, for everything else."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torchvision.ops import box_iou

from mmvrec.structures import mask_bbox


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


def pointed_at(boxes: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which boxes point at which defects.

    A box points at a defect if the defect's centre of gravity is in it, or their IoU is at least
    0.3.

    Args:
        boxes (np.ndarray): x1, y1, x2, y2 in pixels, float, (N, 4).
        masks (np.ndarray): of the defects, bool, (M, H, W), none empty.

    Returns:
        tuple[np.ndarray, np.ndarray]: IoU of the boxes, float64, (N, M), and whether a box points
        at a defect, bool, (N, M).
    """
    truths = np.array([mask_bbox(mask) for mask in masks], np.float64).reshape(-1, 4)
    places = [np.nonzero(mask) for mask in masks]
    centres = np.array([(c.mean(), r.mean()) for r, c in places], np.float64).reshape(-1, 2)
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    ious = box_iou(torch.from_numpy(boxes), torch.from_numpy(truths)).numpy()
    inside = (boxes[:, None, :2] <= centres) & (centres < boxes[:, None, 2:])
    return ious, (ious >= 0.3) | inside.all(2)
