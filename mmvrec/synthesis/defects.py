"""Defects painted on a surface, with exact masks.

A defect is a function ``(rng, image) -> (image, mask)`` and a line in
:mod:`mmvrec.synthesis.catalogue`. Images are
uint8 RGB [H, W, 3], masks uint8 [H, W] with values 0 and 255. A defect draws its own extent and
place, describes a coverage in [0, 1] and the paint, and leaves the rest to :func:`blend`: outside
the mask no pixel changes.
"""

import math

import cv2
import numpy as np

from mmvrec.synthesis.noise import fractal_noise, smoothstep, turned_grid
from mmvrec.synthesis.painting import (
    blend,
    blob,
    choose_site,
    contrast,
    draw_lines,
    far_colour,
    fit_paths,
    jagged_path,
    shifted,
    sign,
    turned_path,
)


def scratch(rng: np.random.Generator, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One to three nearly parallel, slightly bent, tapering grooves with a lit flank."""
    site = choose_site(rng, image, (35, 120))
    angle, bend = rng.uniform(0, 2 * math.pi), rng.uniform(-0.25, 0.25)
    t = np.linspace(-1, 1, 24)
    paths, widths = [], []
    for k in range(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15])):
        part = t * rng.uniform(0.6, 1) if k else t
        offset = k * rng.uniform(0.05, 0.12) * sign(rng)
        paths.append(turned_path(part, bend * part**2 + offset, angle + 0.04 * k))
        widths.append(rng.uniform(1.4, 4.5) * (1 - np.abs(t) ** 3 * 0.8))
    lines = draw_lines(site, fit_paths(paths, site.extent - 4), widths)
    flank = lines - shifted(lines, 0.8 * math.sin(angle), -0.8 * math.cos(angle))
    amount = contrast(rng, site, lines, (35, 80))
    grain = 6 * rng.standard_normal(site.size, dtype=np.float32)
    paint = site.pixels + (amount + np.sign(amount) * 0.6 * 90 * flank + grain)[..., None]
    return blend(image, site, lines, paint)


def crack(rng: np.random.Generator, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dark jagged fissure with branches and uneven width."""
    site = choose_site(rng, image, (35, 120))
    trunk = jagged_path(rng, np.zeros(2), rng.uniform(0, 2 * math.pi), 1.0)
    paths = [trunk]
    for _ in range(rng.integers(1, 4)):
        root = int(rng.integers(len(trunk) // 5, len(trunk) - 3))
        direction = np.arctan2(*(trunk[root + 1] - trunk[root])[::-1])
        turn = sign(rng) * rng.uniform(0.5, 1.1)
        paths.append(jagged_path(rng, trunk[root], direction + turn, rng.uniform(0.2, 0.5)))
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
    inward = blob(rng, site, roughness=0.07, aspect=(0.6, 1))
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
    inward = blob(rng, site, roughness=0.13, aspect=(0.5, 1))
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
    inward = blob(rng, site, roughness=0.04, aspect=(0.45, 1))
    depth = smoothstep(0, 1, inward / (rng.uniform(0.4, 1) * np.max(inward)))
    light = rng.uniform(0, 2 * math.pi)
    slope_y, slope_x = (cv2.Sobel(depth, cv2.CV_32F, *d, scale=1 / 8) for d in ((0, 1), (1, 0)))
    slope = slope_x * math.cos(light) + slope_y * math.sin(light)
    slope = slope / max(float(np.abs(slope).max()), 1e-6)
    y, x = np.mgrid[: site.size[0], : site.size[1]].astype(np.float32)
    pull = sign(rng) * rng.uniform(0.1, 0.3) * depth
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
    steps = 90
    curvature = np.convolve(rng.normal(0, 1, steps + 24), np.hanning(25) / 12.5, mode='valid')
    heading = np.cumsum(rng.uniform(0.12, 0.3) * (curvature + sign(rng) * 0.25))
    step = np.stack([np.cos(heading), np.sin(heading)], axis=1)
    turn = turned_path(np.eye(2)[0], np.eye(2)[1], rng.uniform(0, 6.28))
    path = np.cumsum(step, axis=0) @ turn
    width = rng.uniform(2, 4.5)
    path = fit_paths([path], site.extent - 8)
    body = draw_lines(site, path, [np.full(len(path[0]), width)])
    core = draw_lines(site, path, [np.full(len(path[0]), 0.45 * width)])
    shift = rng.uniform(1, 2.5, 2) * rng.choice([-1, 1], 2)
    shadow = 0.5 * cv2.GaussianBlur(shifted(body, *shift), (0, 0), 0.8)
    colour = far_colour(rng, site.pixels[body > 0.5].mean(axis=0))
    fibre = (0.7 + 0.45 * core + 0.06 * rng.standard_normal(site.size, dtype=np.float32))[..., None]
    coverage = np.maximum(body, shadow)
    share = (body / np.maximum(coverage, 1e-6))[..., None]
    paint = share * fibre * colour + (1 - share) * 0.35 * site.pixels
    return blend(image, site, coverage, paint)
