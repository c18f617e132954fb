"""Random fields of which surfaces and defects are made. All are float32 of shape (H, W)."""

import math

import cv2
import numpy as np

#: Least grid spacing, in pixels, at which a field is still smooth from pixel to pixel.
_FINE = 4


def value_noise(
    rng: np.random.Generator, size: tuple[int, int], cell: tuple[float, float]
) -> np.ndarray:
    """Draw smooth noise: normal numbers on a coarse grid, interpolated bicubically.

    Args:
        rng (np.random.Generator): source of randomness.
        size (tuple[int, int]): height and width in pixels.
        cell (tuple[float, float]): grid spacing in y and x, pixels; unequal spacing gives streaks.

    Returns:
        np.ndarray: float32, shape (H, W), mean about 0.
    """
    if min(cell) >= 4 * _FINE:
        # A smooth field needs no more than a quarter of the resolution: several times faster.
        small = value_noise(rng, (-(-size[0] // 4), -(-size[1] // 4)), (cell[0] / 4, cell[1] / 4))
        return cv2.resize(small, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    grid = [int(np.ceil(n / c)) + 1 for n, c in zip(size, cell, strict=True)]
    # Interpolated larger than needed and cropped, so that the spacing is what was asked for.
    full = [int(np.ceil(n * c)) for n, c in zip(grid, cell, strict=True)]
    y, x = (int(rng.integers(f - n + 1)) for f, n in zip(full, size, strict=True))
    nodes = rng.standard_normal(grid, dtype=np.float32)
    field = cv2.resize(nodes, (full[1], full[0]), interpolation=cv2.INTER_CUBIC)
    return field[y : y + size[0], x : x + size[1]]


def fractal_noise(
    rng: np.random.Generator,
    size: tuple[int, int],
    cell: tuple[float, float],
    octaves: int = 4,
    persistence: float = 0.5,
) -> np.ndarray:
    """Sum :func:`value_noise` at halved spacings.

    Args:
        rng (np.random.Generator): source of randomness.
        size (tuple[int, int]): height and width in pixels.
        cell (tuple[float, float]): spacing of the coarsest octave in y and x, pixels.
        octaves (int): number of spacings. Defaults to 4.
        persistence (float): amplitude of an octave relative to the one before. Defaults to 0.5.

    Returns:
        np.ndarray: float32, shape (H, W), mean 0 and standard deviation 1.
    """
    total = np.zeros(size, np.float32)
    for k in range(octaves):
        spacing = (max(cell[0] / 2**k, 1.0), max(cell[1] / 2**k, 1.0))
        total += persistence**k * value_noise(rng, size, spacing)
    return standardise(total)


def grain(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Draw independent uniform numbers of shape ``size``, mean 0, standard deviation 1."""
    return (rng.random(size, dtype=np.float32) - 0.5) * math.sqrt(12)


def streak_noise(rng: np.random.Generator, size: tuple[int, int], length: int) -> np.ndarray:
    """Draw white noise smeared along x.

    Args:
        rng (np.random.Generator): source of randomness.
        size (tuple[int, int]): height and width in pixels.
        length (int): length of a streak in pixels.

    Returns:
        np.ndarray: float32, shape (H, W), mean 0 and standard deviation 1.
    """
    # The sum over a streak is normal whatever its terms; uniform numbers are drawn faster.
    noise = grain(rng, size)
    for _ in range(2):
        noise = cv2.blur(noise, (length, 1), borderType=cv2.BORDER_REFLECT)
    return standardise(noise)


def standardise(field: np.ndarray) -> np.ndarray:
    """Shift and scale ``field`` to mean 0 and standard deviation 1."""
    mean, std = cv2.meanStdDev(field)
    return (field - np.float32(mean[0, 0])) / np.float32(max(std[0, 0], 1e-6))


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """Rise smoothly from 0 where ``x <= low`` to 1 where ``x >= high``."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def fraction(x: np.ndarray) -> np.ndarray:
    """Compute ``x`` modulo 1, several times faster than the operator."""
    return x - np.floor(x)


def turned_grid(
    size: tuple[int, int], angle: float, origin: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Compute coordinates along and across a direction.

    Args:
        size (tuple[int, int]): height and width in pixels.
        angle (float): direction of the first coordinate against x, radians.
        origin (tuple[float, float]): y and x of the zero point in pixels.

    Returns:
        tuple[np.ndarray, np.ndarray]: along and across, float32, shape (H, W), in pixels.
    """
    y = (np.arange(size[0], dtype=np.float32) - np.float32(origin[0]))[:, None]
    x = (np.arange(size[1], dtype=np.float32) - np.float32(origin[1]))[None, :]
    cos, sin = math.cos(angle), math.sin(angle)
    return x * cos + y * sin, y * cos - x * sin


def canvas_size(size: tuple[int, int], angle: float) -> tuple[int, int]:
    """Compute height and width of a texture that covers ``size`` when :func:`turned`."""
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    height, width = size
    return math.ceil(height * cos + width * sin) + 2, math.ceil(width * cos + height * sin) + 2


def turned(canvas: np.ndarray, angle: float, size: tuple[int, int]) -> np.ndarray:
    """Rotate a texture about its centre and crop the image from it.

    Args:
        canvas (np.ndarray): float32, of :func:`canvas_size`.
        angle (float): radians.
        size (tuple[int, int]): height and width of the crop.

    Returns:
        np.ndarray: float32, shape (H, W).
    """
    cos, sin = math.cos(angle), math.sin(angle)
    cy, cx = (canvas.shape[0] - 1) / 2, (canvas.shape[1] - 1) / 2
    oy, ox = (size[0] - 1) / 2, (size[1] - 1) / 2
    to_canvas = np.float64(
        [[cos, sin, cx - cos * ox - sin * oy], [-sin, cos, cy + sin * ox - cos * oy]]
    )
    return cv2.warpAffine(
        canvas,
        to_canvas,
        (size[1], size[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
