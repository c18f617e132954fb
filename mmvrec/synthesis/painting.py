"""What defects are painted with: places, lines, blobs, colours."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mmvrec.synthesis.noise import turned_grid

#: Coverage from which a pixel counts as altered; fainter paint is left away.
VISIBLE = 0.1
#: Lines are drawn this much larger and averaged down, for smooth edges and fractional widths.
_SUPERSAMPLING = 4


@dataclass(frozen=True)
class Site:
    """Where a defect is painted: a window around its centre, cut at the image border."""

    window: tuple[slice, slice]
    centre: tuple[float, float]
    extent: float
    pixels: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the window."""
        return self.pixels.shape[:2]


def choose_site(rng: np.random.Generator, image: np.ndarray, extent: tuple[float, float]) -> Site:
    """Draw extent and place of a defect.

    Args:
        rng (np.random.Generator): source of randomness.
        image (np.ndarray): uint8, shape (H, W, 3).
        extent (tuple[float, float]): least and greatest side of the defect's box, pixels.

    Returns:
        Site: the centre keeps 35 % of the extent from the border, so that defects may be cut by it
        but never lie outside. ``centre`` is relative to the window, ``pixels`` is the window of
        the image as float32.
    """
    length = float(rng.uniform(*extent))
    reach = int(length / 2) + 8
    window, centre = [], []
    for n in image.shape[:2]:
        middle = float(rng.uniform(0.35 * length, n - 0.35 * length))
        start = max(int(middle) - reach, 0)
        window.append(slice(start, min(int(middle) + reach + 1, n)))
        centre.append(middle - start)
    pixels = image[tuple(window)].astype(np.float32)
    return Site(tuple(window), tuple(centre), length, pixels)


def blend(
    image: np.ndarray, site: Site, coverage: np.ndarray, paint: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Paint a defect on a copy of ``image``.

    Args:
        image (np.ndarray): uint8 RGB, shape (H, W, 3).
        site (Site): the window to paint on, of height h and width w.
        coverage (np.ndarray): float, shape (h, w), in [0, 1].
        paint (np.ndarray): float RGB, broadcastable to (h, w, 3), nominally in [0, 255].

    Returns:
        tuple[np.ndarray, np.ndarray]: image, uint8 (H, W, 3); mask, uint8 (H, W), 255 exactly where
        ``coverage`` is visible. All other pixels are those of ``image``.
    """
    inside = coverage > VISIBLE
    if np.ptp(site.pixels, axis=2).max() == 0:
        # A monochrome camera sees the defect in grey, too.
        paint = np.broadcast_to(paint, site.pixels.shape).mean(axis=2, keepdims=True)
    painted = site.pixels + coverage[..., None] * (paint - site.pixels)
    painted = np.clip(np.rint(painted), 0, 255).astype(np.uint8)
    result, mask = image.copy(), np.zeros(image.shape[:2], np.uint8)
    result[site.window][inside] = painted[inside]
    mask[site.window][inside] = 255
    return result, mask


def draw_lines(site: Site, paths: list[np.ndarray], widths: list[np.ndarray]) -> np.ndarray:
    """Draw the coverage of smooth-edged lines of varying width.

    Args:
        site (Site): where to draw; paths are relative to its centre.
        paths (list[np.ndarray]): x and y of the points, shape (P, 2), pixels.
        widths (list[np.ndarray]): width at every point, shape (P,), pixels.

    Returns:
        np.ndarray: float32, shape of the window, in [0, 1].
    """
    scale = _SUPERSAMPLING
    height, width = site.size
    drawing = np.zeros((height * scale, width * scale), np.uint8)
    offset = np.array(site.centre[::-1]) + 0.5
    for path, thickness in zip(paths, widths, strict=True):
        points = np.rint((path + offset) * scale).astype(int).tolist()
        strokes = np.maximum(np.rint(thickness * scale), 1).astype(int).tolist()
        for start, end, stroke in zip(points[:-1], points[1:], strokes[1:], strict=True):
            cv2.line(drawing, start, end, 255, stroke)
    return cv2.resize(drawing, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255)


def fit_paths(paths: list[np.ndarray], extent: float) -> list[np.ndarray]:
    """Centre paths on (0, 0), together, and make the longer side of their box ``extent``."""
    points = np.concatenate(paths)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = extent / (high - low).max()
    return [(path - (low + high) / 2) * scale for path in paths]


def sign(rng: np.random.Generator) -> float:
    """Draw 1 or -1, as likely."""
    return 1.0 if rng.uniform() < 0.5 else -1.0


def turned_path(along: np.ndarray, across: np.ndarray, angle: float) -> np.ndarray:
    """Turn coordinates (P,) along and across a direction (radians) to points (P, 2), x, y."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([along * cos - across * sin, along * sin + across * cos], axis=1)


def jagged_path(
    rng: np.random.Generator, start: np.ndarray, direction: float, length: float
) -> np.ndarray:
    """Draw points (P, 2) of a path of about that length, in small broken steps."""
    steps = max(int(26 * length), 6)
    heading = direction + np.cumsum(rng.normal(0, 0.12, steps)) + rng.normal(0, 0.5, steps)
    step = np.stack([np.cos(heading), np.sin(heading)], axis=1) * (length / steps)
    step *= rng.uniform(0.4, 1.6, (steps, 1))
    return np.vstack([start, start + np.cumsum(step, axis=0)])


def blob(
    rng: np.random.Generator, site: Site, roughness: float, aspect: tuple[float, float]
) -> np.ndarray:
    """Draw about the distance in pixels from an irregular ellipse's rim, positive inside."""
    u, v = turned_grid(site.size, rng.uniform(0, math.pi), site.centre)
    v = v / rng.uniform(*aspect)
    around = np.arctan2(v, u)
    waves = np.arange(2, 9)
    heights = roughness * rng.normal(0, 1, 7) / np.sqrt(waves)
    phases = rng.uniform(0, 2 * math.pi, 7)
    # The largest radius is the extent's half, whatever the waves add up to.
    circle = np.linspace(0, 2 * math.pi, 180)
    largest = 1 + np.max(heights @ np.cos(waves[:, None] * circle + phases[:, None]))
    lump = np.ones(site.size, np.float32)
    for wave, height, phase in zip(waves, heights, phases, strict=True):
        lump += np.float32(height) * np.cos(np.float32(wave) * around + np.float32(phase))
    radius = np.float32(site.extent / 2 / largest) * np.maximum(lump, 0.3)
    # A share of the radius, unlike the difference to it, has one value at the centre.
    return (1 - np.hypot(u, v) / radius) * np.float32(site.extent / 2)


def shifted(field: np.ndarray, dy: float, dx: float) -> np.ndarray:
    """Move a field by so many pixels, zero where nothing comes from."""
    return cv2.warpAffine(
        field, np.float32([[1, 0, dx], [0, 1, dy]]), (field.shape[1], field.shape[0])
    )


def contrast(
    rng: np.random.Generator, site: Site, coverage: np.ndarray, amount: tuple[float, float]
) -> float:
    """Draw a change of brightness of either sign, away from the near end of the scale."""
    brightness = float(site.pixels[coverage > 0.5].mean())
    brighter = rng.uniform() < np.clip((190 - brightness) / 80, 0, 1)
    return float(rng.uniform(*amount)) * (1 if brighter else -1)


def far_colour(rng: np.random.Generator, background: np.ndarray) -> np.ndarray:
    """Choose the most conspicuous of a few random, mostly dull colours."""
    shade, hue = rng.uniform(25, 235, (4, 1)), rng.uniform(-1, 1, (4, 3))
    colours = (shade + rng.uniform(5, 70) * hue).clip(10, 245).astype(np.float32)
    return colours[np.argmax(np.abs(colours - background).sum(axis=1))]
