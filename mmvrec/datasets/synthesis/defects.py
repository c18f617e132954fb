"""Defects painted on a surface, with exact masks.

A defect is a function ``(rng, image) -> (image, mask)`` and a line in :data:`DEFECTS`. Images are
uint8 RGB [H, W, 3], masks uint8 [H, W] with values 0 and 255. A defect draws its own extent and
place, describes a coverage in [0, 1] and the paint, and leaves the rest to :func:`blend`: outside
the mask no pixel changes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from mmvrec.datasets.synthesis.noise import fractal_noise, smoothstep, turned_grid

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


def scratch(rng: np.random.Generator, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One to three nearly parallel, slightly bent, tapering grooves with a lit flank."""
    site = choose_site(rng, image, (35, 120))
    angle, bend = rng.uniform(0, 2 * math.pi), rng.uniform(-0.25, 0.25)
    t = np.linspace(-1, 1, 24)
    paths, widths = [], []
    for k in range(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15])):
        part = t * rng.uniform(0.6, 1) if k else t
        offset = k * rng.uniform(0.05, 0.12) * _sign(rng)
        paths.append(_turned_path(part, bend * part**2 + offset, angle + 0.04 * k))
        widths.append(rng.uniform(1.4, 4.5) * (1 - np.abs(t) ** 3 * 0.8))
    lines = draw_lines(site, fit_paths(paths, site.extent - 4), widths)
    flank = lines - _shifted(lines, 0.8 * math.sin(angle), -0.8 * math.cos(angle))
    amount = _contrast(rng, site, lines, (35, 80))
    grain = 6 * rng.standard_normal(site.size, dtype=np.float32)
    paint = site.pixels + (amount + np.sign(amount) * 0.6 * 90 * flank + grain)[..., None]
    return blend(image, site, lines, paint)


def crack(rng: np.random.Generator, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dark jagged fissure with branches and uneven width."""
    site = choose_site(rng, image, (35, 120))
    trunk = _jagged_path(rng, np.zeros(2), rng.uniform(0, 2 * math.pi), 1.0)
    paths = [trunk]
    for _ in range(rng.integers(1, 4)):
        root = int(rng.integers(len(trunk) // 5, len(trunk) - 3))
        direction = np.arctan2(*(trunk[root + 1] - trunk[root])[::-1])
        turn = _sign(rng) * rng.uniform(0.5, 1.1)
        paths.append(_jagged_path(rng, trunk[root], direction + turn, rng.uniform(0.2, 0.5)))
    width = rng.uniform(1.6, 4.2)
    widths = [
        (width if k == 0 else 0.6 * width)
        * (np.sin(np.linspace(0.5 if k == 0 else 1.6, 3, len(path))) + 0.15)
        * rng.uniform(0.6, 1.3, len(path))
        for k, path in enumerate(paths)
    ]
    lines = draw_lines(site, fit_paths(paths, site.extent - 4), widths)
    depth = rng.uniform(0.15, 0.45)
    return blend(image, site, lines, site.pixels * depth + rng.uniform(-4, 8))


def hole(rng: np.random.Generator, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Opening with a dark inside, a shaded wall on one side and a worn rim."""
    site = choose_site(rng, image, (20, 90))
    inward = _blob(rng, site, roughness=0.07, aspect=(0.6, 1))
    rim = rng.uniform(2, 5)
    fractal = fractal_noise(rng, site.size, (5, 5), octaves=2)
    inward = inward + 0.5 * fractal
    coverage = smoothstep(-0.5, 1.0, inward)
    along, _ = turned_grid(site.size, rng.uniform(0, 2 * math.pi), site.centre)
    wall = smoothstep(-0.45, 0.5, along / site.extent)
    dark = rng.uniform(8, 26) + rng.uniform(20, 55) * wall
    dark = dark + 3 * rng.standard_normal(site.size, dtype=np.float32)
    lit = smoothstep(-0.4, 0.4, along / site.extent) - rng.uniform(0.4, 0.7)
    worn = site.pixels * (1 + rng.uniform(0.3, 0.7) * lit + 0.04 * fractal)[..., None]
    is_inside = smoothstep(0.3 * rim, 1.3 * rim, inward)[..., None]
    return blend(image, site, coverage, worn + is_inside * (dark[..., None] - worn))


def stain(rng: np.random.Generator, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Translucent spill through which the texture shows, often with a darker border."""
    site = choose_site(rng, image, (20, 120))
    inward = _blob(rng, site, roughness=0.13, aspect=(0.5, 1))
    ragged = fractal_noise(rng, site.size, (site.extent / 3,) * 2, octaves=3, persistence=0.4)
    inward = inward - rng.uniform(0.01, 0.07) * site.extent * np.clip(ragged + 0.8, 0, 2)
    edge = rng.uniform(1.5, 7)
    border = rng.uniform(0, 0.35) * np.exp(-((inward - edge) ** 2) / edge**2)
    blotches = 0.12 * fractal_noise(rng, site.size, (site.extent / 3,) * 2, octaves=3)
    tints = [(0.78, 0.62, 0.40), (0.45, 0.45, 0.47), (0.80, 0.50, 0.42), (0.5, 0.62, 0.75)]
    tint = np.float32(tints[rng.integers(4)]) * rng.uniform(0.85, 1.1)
    strength = np.clip(rng.uniform(0.6, 0.95) + blotches + border, 0.3, 1.25)
    paint = site.pixels * (1 + strength[..., None] * (tint - 1))
    return blend(image, site, smoothstep(-0.5, edge, inward), paint)


def dent(rng: np.random.Generator, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smooth dip or bump: the light turns on its slopes and the texture is drawn out of shape."""
    site = choose_site(rng, image, (24, 110))
    inward = _blob(rng, site, roughness=0.04, aspect=(0.45, 1))
    depth = smoothstep(0, 1, inward / (rng.uniform(0.4, 1) * np.max(inward)))
    light = rng.uniform(0, 2 * math.pi)
    slope_y, slope_x = (cv2.Sobel(depth, cv2.CV_32F, *d, scale=1 / 8) for d in ((0, 1), (1, 0)))
    slope = slope_x * math.cos(light) + slope_y * math.sin(light)
    slope = slope / max(float(np.abs(slope).max()), 1e-6)
    y, x = np.mgrid[: site.size[0], : site.size[1]].astype(np.float32)
    pull = _sign(rng) * rng.uniform(0.1, 0.3) * depth
    bent = cv2.remap(
        site.pixels,
        x + pull * (x - np.float32(site.centre[1])),
        y + pull * (y - np.float32(site.centre[0])),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    shade = 1 + rng.uniform(0.3, 0.55) * slope - rng.uniform(0.05, 0.2) * depth
    return blend(image, site, smoothstep(0, 2.5, inward), bent * shade[..., None])


def thread(rng: np.random.Generator, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loose curled fibre lying on the surface, round in section, casting a shadow."""
    site = choose_site(rng, image, (30, 110))
    path = _curled_path(rng)
    width = rng.uniform(2, 4.5)
    path = fit_paths([path], site.extent - 8)
    body = draw_lines(site, path, [np.full(len(path[0]), width)])
    core = draw_lines(site, path, [np.full(len(path[0]), 0.45 * width)])
    shift = rng.uniform(1, 2.5, 2) * rng.choice([-1, 1], 2)
    shadow = 0.5 * cv2.GaussianBlur(_shifted(body, *shift), (0, 0), 0.8)
    colour = _far_colour(rng, site.pixels[body > 0.5].mean(axis=0))
    fibre = (0.7 + 0.45 * core + 0.06 * rng.standard_normal(site.size, dtype=np.float32))[..., None]
    coverage = np.maximum(body, shadow)
    share = (body / np.maximum(coverage, 1e-6))[..., None]
    paint = share * fibre * colour + (1 - share) * 0.35 * site.pixels
    return blend(image, site, coverage, paint)


def draw_lines(site: Site, paths: list[np.ndarray], widths: list[np.ndarray]) -> np.ndarray:
    """Coverage of smooth-edged lines of varying width.

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


def _sign(rng: np.random.Generator) -> float:
    return 1.0 if rng.uniform() < 0.5 else -1.0


def _turned_path(along: np.ndarray, across: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([along * cos - across * sin, along * sin + across * cos], axis=1)


def _jagged_path(
    rng: np.random.Generator, start: np.ndarray, direction: float, length: float
) -> np.ndarray:
    steps = max(int(26 * length), 6)
    heading = direction + np.cumsum(rng.normal(0, 0.12, steps)) + rng.normal(0, 0.5, steps)
    step = np.stack([np.cos(heading), np.sin(heading)], axis=1) * (length / steps)
    step *= rng.uniform(0.4, 1.6, (steps, 1))
    return np.vstack([start, start + np.cumsum(step, axis=0)])


def _curled_path(rng: np.random.Generator) -> np.ndarray:
    steps = 90
    curvature = np.convolve(rng.normal(0, 1, steps + 24), np.hanning(25) / 12.5, mode='valid')
    heading = np.cumsum(rng.uniform(0.12, 0.3) * (curvature + _sign(rng) * 0.25))
    step = np.stack([np.cos(heading), np.sin(heading)], axis=1)
    return np.cumsum(step, axis=0) @ _turned_path(np.eye(2)[0], np.eye(2)[1], rng.uniform(0, 6.28))


def _blob(
    rng: np.random.Generator, site: Site, roughness: float, aspect: tuple[float, float]
) -> np.ndarray:
    """About the distance in pixels from the rim of an irregular ellipse, positive inside."""
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


def _shifted(field: np.ndarray, dy: float, dx: float) -> np.ndarray:
    return cv2.warpAffine(
        field, np.float32([[1, 0, dx], [0, 1, dy]]), (field.shape[1], field.shape[0])
    )


def _contrast(
    rng: np.random.Generator, site: Site, coverage: np.ndarray, amount: tuple[float, float]
) -> float:
    """A change of brightness of either sign, away from the end of the scale that is near."""
    brightness = float(site.pixels[coverage > 0.5].mean())
    brighter = rng.uniform() < np.clip((190 - brightness) / 80, 0, 1)
    return float(rng.uniform(*amount)) * (1 if brighter else -1)


def _far_colour(rng: np.random.Generator, background: np.ndarray) -> np.ndarray:
    """The most conspicuous of a few random, mostly dull colours."""
    shade, hue = rng.uniform(25, 235, (4, 1)), rng.uniform(-1, 1, (4, 3))
    colours = (shade + rng.uniform(5, 70) * hue).clip(10, 245).astype(np.float32)
    return colours[np.argmax(np.abs(colours - background).sum(axis=1))]


#: Defects by name; the classes of the dataset, in this order.
DEFECTS: dict[str, Callable[[np.random.Generator, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    'scratch': scratch,
    'crack': crack,
    'hole': hole,
    'stain': stain,
    'dent': dent,
    'thread': thread,
}
