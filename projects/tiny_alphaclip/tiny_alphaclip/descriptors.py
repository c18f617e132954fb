"""What a crop shows, in numbers: of the region, of its surroundings, and of its shape."""

import cv2
import numpy as np

#: Directions of the gradient that are told apart.
_DIRECTIONS = 8
#: Width of the ring that stands for the surroundings, in pixels.
_RING = 9
#: Length of the vector that :func:`describe` gives.
NUM_DESCRIPTORS = 2 * (3 + _DIRECTIONS) + 2 + 8


def describe(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Describe a region in its context.

    Args:
        image (np.ndarray): uint8 RGB, (S, S, 3).
        mask (np.ndarray): uint8, (S, S); over 127 is the region.

    Returns:
        np.ndarray: float32, (NUM_DESCRIPTORS,): of the region and of a ring around it mean, spread,
        strength and directions of the gradient; mean and spread of the difference of the two;
        size, place, elongation, direction and compactness of the region. Zero where there is
        nothing to describe.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    region = (mask > 127).astype(np.uint8)
    if not region.any():
        return np.zeros(NUM_DESCRIPTORS, np.float32)
    ring = cv2.dilate(region, np.ones((2 * _RING + 1,) * 2, np.uint8)) - region
    gradient = cv2.spatialGradient(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    along_x, along_y = (part.astype(np.float32) / 255 for part in gradient)
    inside, outside = (_texture(grey, along_x, along_y, part > 0) for part in (region, ring))
    differences = inside[:2] - outside[:2]
    return np.concatenate([inside, outside, differences, _shape(region)]).astype(np.float32)


def _texture(grey: np.ndarray, dx: np.ndarray, dy: np.ndarray, where: np.ndarray) -> np.ndarray:
    if not where.any():
        return np.zeros(3 + _DIRECTIONS, np.float32)
    strength = np.hypot(dx[where], dy[where])
    direction = np.arctan2(dy[where], dx[where]) % np.pi
    index = np.minimum((direction / np.pi * _DIRECTIONS).astype(int), _DIRECTIONS - 1)
    histogram = np.bincount(index, strength, _DIRECTIONS)
    values = grey[where]
    shares = histogram / max(histogram.sum(), 1e-6)
    return np.array([values.mean(), values.std(), np.log1p(9 * strength.mean()), *shares])


def _shape(region: np.ndarray) -> np.ndarray:
    moments = cv2.moments(region, binaryImage=True)
    area, side = moments['m00'], region.shape[0]
    x, y = moments['m10'] / area, moments['m01'] / area
    xx, yy, xy = (moments[key] / area for key in ('mu20', 'mu02', 'mu11'))
    spread = np.hypot(xx - yy, 2 * xy)
    # With the variance of a pixel, so that a line of one pixel has a width.
    great, small = (xx + yy + spread) / 2 + 1 / 12, (xx + yy - spread) / 2 + 1 / 12
    elongation = 1 - (small / great) ** 0.5
    direction = np.arctan2(2 * xy, xx - yy)
    _, _, width, height = cv2.boundingRect(region)
    return np.array(
        [
            np.log(area / side**2),
            x / side - 0.5,
            y / side - 0.5,
            elongation,
            elongation * np.cos(direction),
            elongation * np.sin(direction),
            area / (width * height),
            np.log(max(width, height) / side),
        ]
    )
