"""Defects along lines; see ``defects.py``."""

import math

import cv2
import numpy as np

from mmvrec.synthesis.noise import fractal_noise, smoothstep, turned_grid
from mmvrec.synthesis.painting import (
    Site,
    blend,
    blob,
    choose_site,
    draw_lines,
    fit_paths,
    jagged_path,
    sign,
    turned_path,
)

Painted = tuple[np.ndarray, np.ndarray]


def fold(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Crease or lap: a long ridge, bright on one flank and dark on the other."""
    site = choose_site(rng, image, (50, 120))
    angle = rng.uniform(0, 2 * math.pi)
    along, across = turned_grid(site.size, angle, site.centre)
    across = across + rng.uniform(-0.15, 0.15) * along**2 / site.extent
    width = rng.uniform(3, 8)
    profile = np.clip(across / width, -1, 1)
    inside = (np.abs(along) < site.extent / 2) & (np.abs(across) < width)
    taper = smoothstep(0, 0.25, 0.5 - np.abs(along) / site.extent)
    coverage = taper * smoothstep(1.0, 0.6, np.abs(across) / width) * inside
    shade = sign(rng) * rng.uniform(30, 75) * np.sin(math.pi * profile)
    return blend(image, site, coverage.astype(np.float32), site.pixels + shade[..., None])


def crazing(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """A net of fine cracks."""
    site = choose_site(rng, image, (40, 120))
    paths, heading = [], rng.uniform(0, math.pi)
    for k in range(int(rng.integers(6, 13))):
        start = rng.uniform(-0.5, 0.5, 2)
        turn = heading + (k % 2) * rng.uniform(1.0, 2.1)
        paths.append(jagged_path(rng, start, turn, rng.uniform(0.5, 1.0)))
    widths = [np.full(len(path), rng.uniform(1.0, 1.8)) for path in paths]
    lines = draw_lines(site, fit_paths(paths, site.extent - 4), widths)
    factor = rng.uniform(0.3, 0.65) if rng.uniform() < 0.7 else rng.uniform(1.3, 1.6)
    return blend(image, site, lines, site.pixels * factor)


def grooves(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Many parallel scores of one passage: chatter or roll marks."""
    site = choose_site(rng, image, (40, 120))
    angle, number = rng.uniform(0, 2 * math.pi), int(rng.integers(4, 10))
    offsets = np.linspace(-0.35, 0.35, number) + rng.normal(0, 0.02, number)
    t = np.linspace(-0.5, 0.5, 12)
    paths = [turned_path(t * rng.uniform(0.5, 1), np.full(12, o), angle) for o in offsets]
    widths = [np.full(12, rng.uniform(1.0, 2.2)) for _ in paths]
    lines = draw_lines(site, fit_paths(paths, site.extent - 4), widths)
    return blend(image, site, lines, site.pixels + sign(rng) * rng.uniform(30, 70))


def _two_tones(site: Site) -> tuple[np.ndarray, np.ndarray]:
    """Colours of the dark and of the bright part of the site, RGB (3,) each."""
    grey = site.pixels.mean(axis=2)
    low, high = np.percentile(grey, [12, 88])
    return site.pixels[grey <= low].mean(axis=0), site.pixels[grey >= high].mean(axis=0)


def _filled(rng: np.random.Generator, site: Site, coverage: np.ndarray, bright: bool) -> np.ndarray:
    """The dark or the bright tone of the site, apart from what it covers by at least 25."""
    colour = _two_tones(site)[int(bright)]
    gap = colour.mean() - site.pixels[coverage > 0.5].mean()
    least = 25 if bright else -25
    if abs(gap) < abs(least):
        colour = colour + (least - gap)
    return np.clip(colour, 5, 250) + 3 * rng.standard_normal((*site.size, 1), dtype=np.float32)


def bridge(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Extra material: a short bar of the pattern's bright tone where there should be none."""
    site = choose_site(rng, image, (18, 60))
    t = np.linspace(-0.5, 0.5, 8)
    path = turned_path(t, 0.04 * rng.normal(0, 1, 8), rng.uniform(0, 2 * math.pi))
    width = rng.uniform(3, 9) * rng.uniform(0.7, 1.3, 8)
    bar = draw_lines(site, fit_paths([path], site.extent - 6), [width])
    return blend(image, site, bar, _filled(rng, site, bar, bright=True))


def gap(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Missing material: a bite or break in the pattern, filled with its dark tone."""
    site = choose_site(rng, image, (14, 50))
    inward = blob(rng, site, roughness=0.12, aspect=(0.35, 1))
    coverage = smoothstep(-0.4, 1.0, inward)
    return blend(image, site, coverage, _filled(rng, site, coverage, bright=False))


def _grown(rng: np.random.Generator, image: np.ndarray, bright: bool) -> Painted:
    """A lump of one tone of the pattern, where it covers the other."""
    # Of a few sites the one whose surface has the two most different tones.
    sites = [choose_site(rng, image, (18, 40)) for _ in range(6)]
    site = max(sites, key=lambda s: np.ptp(np.percentile(s.pixels.mean(axis=2), [25, 75])))
    coverage = smoothstep(-0.4, 1.0, blob(rng, site, roughness=0.15, aspect=(0.5, 1)))
    grey = site.pixels.mean(axis=2)
    dark, light = (tone.mean() for tone in _two_tones(site))
    other = grey < (dark + light) / 2 if bright else grey > (dark + light) / 2
    # On a surface of one tone the lump is whole.
    if (other & (coverage > 0.5)).sum() > 0.2 * (coverage > 0.5).sum():
        coverage = coverage * cv2.blur(other.astype(np.float32), (2, 2))
    return blend(image, site, coverage, _filled(rng, site, coverage, bright))


def spur(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Extra material: a lump of the pattern's bright tone that grows from an edge."""
    return _grown(rng, image, bright=True)


def bite(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Missing material: a notch of the pattern's dark tone, eaten into an edge."""
    return _grown(rng, image, bright=False)


def spatter(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """A drop that ran: a blob with a tail, glossy."""
    site = choose_site(rng, image, (35, 115))
    angle = rng.uniform(0, 2 * math.pi)
    t = np.linspace(-0.5, 0.5, 20)
    path = turned_path(t, 0.05 * np.cumsum(rng.normal(0, 0.3, 20)), angle)
    width = (
        np.interp(t, [-0.5, -0.35, 0.5], [0.16, 0.2, 0.03]) * site.extent * rng.uniform(0.7, 1.2)
    )
    body = draw_lines(site, fit_paths([path], site.extent - 12), [width * rng.uniform(0.7, 1.2)])
    body = cv2.GaussianBlur(body, (0, 0), 1.0)
    height = cv2.GaussianBlur(body, (0, 0), 3.0)
    gloss = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=2) * math.cos(angle)
    gloss += cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=2) * math.sin(angle)
    tint = rng.uniform(0.45, 0.8) + 0.1 * fractal_noise(rng, site.size, (20, 20), octaves=2)
    paint = site.pixels * tint[..., None] + (rng.uniform(30, 90) * gloss)[..., None]
    return blend(image, site, smoothstep(0.1, 0.6, body), paint)
