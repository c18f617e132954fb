"""Crops that are turned by other angles than right ones."""

import cv2
import numpy as np

from mmvrec.datasets.transforms.view_geometry import Region


def cut_rotated(region: Region, x: int, y: int, size: int, angle: float) -> np.ndarray:
    """Sample a square whose content is turned about its centre (bicubic).

    Args:
        region (Region): C channels.
        x (int): first image column of the square before turning.
        y (int): first image row.
        size (int): side in pixels.
        angle (float): degrees, counter-clockwise.

    Returns:
        np.ndarray: uint8, shape (size, size, C).
    """
    channels = region.pixels.shape[2]
    if not region.pixels.size:
        return np.zeros((size, size, channels), np.uint8)
    # Pixel i covers [i, i + 1): the centre of the square is between two pixels if size is even.
    half = (size - 1) / 2
    centre = (x - region.left + half, y - region.top + half)
    matrix = cv2.getRotationMatrix2D(centre, angle, 1.0)
    matrix[:, 2] += half - np.array(centre)
    turned = cv2.warpAffine(region.pixels, matrix, (size, size), flags=cv2.INTER_CUBIC)
    return turned.reshape(size, size, channels)
