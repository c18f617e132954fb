"""Masks as polygons."""

import cv2
import numpy as np


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Outer outlines of the parts of a mask.

    Args:
        mask (np.ndarray): bool, (H, W).

    Returns:
        list[np.ndarray]: corners of each part, float, (N, 2), x and y in pixels, to a quarter of a
        pixel on the edges of its pixels: OpenCV's contours go through their centres.
    """
    doubled = np.repeat(np.repeat(mask.astype(np.uint8), 2, 0), 2, 1)
    contours, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [(contour[:, 0] + 0.5) / 2 for contour in contours]
