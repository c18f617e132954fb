"""Surfaces as they come from the furnace, the mill or the mould; see ``surfaces.py``."""

import math

import cv2
import numpy as np

from mmvrec.synthesis.noise import (
    canvas_size,
    fractal_noise,
    grain,
    smoothstep,
    streak_noise,
    turned,
    turned_grid,
    value_noise,
)
from mmvrec.synthesis.surfaces import Size, hue, tinted


def relief(height: np.ndarray, angle: float, strength: float) -> np.ndarray:
    """Shading of a height field lit from a direction, mean about 0."""
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8)
    return strength * (slope_x * math.cos(angle) + slope_y * math.sin(angle))


def casting(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Sand-cast or shot-blasted metal: lumpy, lit from one side."""
    cell = rng.uniform(5, 16)
    lumps = fractal_noise(rng, size, (cell, cell), octaves=3, persistence=0.6)
    tone = rng.uniform(90, 170) + relief(lumps, rng.uniform(0, 2 * math.pi), rng.uniform(30, 90))
    tone += rng.uniform(3, 9) * value_noise(rng, size, (90, 90)) + rng.uniform(2, 6) * lumps
    return tinted(tone + rng.uniform(1, 4) * grain(rng, size), (1.0, 1.0, rng.uniform(0.95, 1.05)))


def rolled_steel(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Hot-rolled strip: dull, streaked along the rolling direction, with clouds of scale."""
    angle = rng.choice([0, math.pi / 2]) + rng.normal(0, 0.03)
    canvas = canvas_size(size, angle)
    streaks = value_noise(rng, canvas, (rng.uniform(4, 12), rng.uniform(120, 500)))
    fine = streak_noise(rng, canvas, int(rng.integers(6, 30)))
    scale = fractal_noise(rng, canvas, (40, 160), octaves=4)
    tone = rng.uniform(3, 10) * streaks + rng.uniform(2, 8) * fine + rng.uniform(4, 14) * scale
    return tinted(turned(tone, angle, size) + rng.uniform(70, 190), (1.0, 1.0, 1.0))


def stone(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Granite or terrazzo: grains of a few colours, densely packed."""
    base = rng.uniform(90, 190) + hue(rng, 20)
    image = np.broadcast_to(base, (*size, 3)).astype(np.float32)
    for _ in range(int(rng.integers(2, 5))):
        cell = rng.uniform(5, 26)
        field = fractal_noise(rng, size, (cell, cell), octaves=2)
        level = rng.uniform(0.4, 1.4)
        share = smoothstep(level, level + rng.uniform(0.1, 0.5), field)[..., None]
        image = image + share * (base + rng.uniform(-60, 60) + hue(rng, 15) - image)
    return image + (rng.uniform(2, 5) * grain(rng, size))[..., None]


def plaster(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Moulded plastic, plaster or rubber: nearly even, with a fine matte grain."""
    fine = fractal_noise(rng, size, (4, 4), octaves=2)
    clouds = fractal_noise(rng, size, (120, 120), octaves=3)
    tone = rng.uniform(2.5, 6) * fine + rng.uniform(3, 7) * clouds
    colour = rng.uniform(70, 215) + hue(rng, 25)
    return cv2.merge([tone + value for value in colour])


def turned_metal(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Lathe-turned face: concentric tool marks around a centre that may lie outside."""
    centre = (size[0] * rng.uniform(-0.6, 1.6), size[1] * rng.uniform(-0.6, 1.6))
    x, y = turned_grid(size, 0, centre)
    radius = np.hypot(x, y)
    profile = rng.normal(0, 1, int(radius.max()) + 3).astype(np.float32)
    smooth = cv2.GaussianBlur(profile[None], (0, 0), rng.uniform(0.8, 2.5))[0]
    marks = np.interp(radius, np.arange(len(smooth)), smooth / smooth.std()).astype(np.float32)
    sheen = np.cos(2 * np.arctan2(y, x) + rng.uniform(0, 2 * math.pi)).astype(np.float32)
    tone = rng.uniform(4, 12) * marks + rng.uniform(5, 22) * sheen + 2 * grain(rng, size)
    return tinted(tone + rng.uniform(100, 180), (1.0, 1.0, rng.uniform(0.85, 1.05)))
