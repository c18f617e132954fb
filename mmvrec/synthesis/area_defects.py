"""Defects that cover an area; see ``defects.py``."""

import math

import cv2
import numpy as np

from mmvrec.synthesis.noise import fractal_noise, smoothstep, turned_grid
from mmvrec.synthesis.painting import (
    Site,
    blend,
    blob,
    choose_site,
    contrast,
    far_colour,
    shifted,
    sign,
)

Painted = tuple[np.ndarray, np.ndarray]


def _mean_colour(site: Site, coverage: np.ndarray) -> np.ndarray:
    return site.pixels[coverage > 0.5].mean(axis=0)


def _dots(rng: np.random.Generator, site: Site, number: int, radius: tuple[float, float]):
    """Coverage of round dots scattered over the site's ellipse, and where on each one is lit."""
    centres = rng.normal(0, 0.19, (number, 2)).clip(-0.46, 0.46) * site.extent
    y, x = np.mgrid[: site.size[0], : site.size[1]].astype(np.float32)
    coverage, lit = np.zeros(site.size, np.float32), np.zeros(site.size, np.float32)
    light = rng.uniform(0, 2 * math.pi)
    for dy, dx in centres:
        r = rng.uniform(*radius)
        v, u = y - site.centre[0] - dy, x - site.centre[1] - dx
        dot = smoothstep(0.6, -0.6, np.hypot(u, v) - r)
        lit = np.where(dot > coverage, (u * math.cos(light) + v * math.sin(light)) / r, lit)
        coverage = np.maximum(coverage, dot)
    return coverage, lit


def inclusion(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Slag rolled in: a ragged sliver, darker or lighter than the surface."""
    site = choose_site(rng, image, (25, 120))
    inward = blob(rng, site, roughness=0.1, aspect=(0.08, 0.35))
    coverage = smoothstep(
        -0.3, 1.5, inward + 0.8 * fractal_noise(rng, site.size, (6, 6), octaves=2)
    )
    mottle = 1 + 0.2 * fractal_noise(rng, site.size, (7, 7), octaves=2)
    amount = contrast(rng, site, coverage, (35, 90)) * mottle
    return blend(image, site, coverage, 0.8 * site.pixels + amount[..., None])


def pitting(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """A cluster of small craters with a lit and a dark side."""
    site = choose_site(rng, image, (25, 110))
    coverage, lit = _dots(rng, site, int(rng.integers(5, 26)), (1.5, 4.5))
    shade = rng.uniform(0.35, 0.65) + rng.uniform(0.2, 0.55) * np.clip(lit, -1, 1)
    return blend(image, site, coverage, site.pixels * shade[..., None])


def blowhole(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """One small round gas pore, dark, often with a bright crescent."""
    site = choose_site(rng, image, (12, 36))
    inward = blob(rng, site, roughness=0.03, aspect=(0.7, 1))
    along, _ = turned_grid(site.size, rng.uniform(0, 2 * math.pi), site.centre)
    depth = smoothstep(0, 0.35 * site.extent, inward)
    crescent = smoothstep(0.15, 0.5, along / site.extent) * rng.uniform(0, 0.6)
    shade = rng.uniform(0.35, 0.75) - rng.uniform(0.1, 0.3) * depth + crescent
    return blend(image, site, smoothstep(-0.5, 1.2, inward), site.pixels * shade[..., None])


def uneven(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """A large patch that is brighter or darker, its texture kept, its border soft."""
    site = choose_site(rng, image, (60, 120))
    inward = blob(rng, site, roughness=0.12, aspect=(0.4, 1))
    ragged = fractal_noise(rng, site.size, (site.extent / 4,) * 2, octaves=3)
    coverage = smoothstep(0, rng.uniform(3, 12), inward + 0.03 * site.extent * ragged)
    paint = site.pixels + sign(rng) * rng.uniform(18, 50) + (6 * ragged)[..., None]
    return blend(image, site, coverage, paint)


def rub(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Fraying or rubbing: the texture smeared along one direction and dulled."""
    site = choose_site(rng, image, (40, 120))
    inward = blob(rng, site, roughness=0.12, aspect=(0.3, 1))
    length = int(rng.integers(9, 25))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, math.pi)
    reach = (length - 1) / 2 * np.array([math.cos(angle), math.sin(angle)])
    ends = [np.rint(s * reach + (length - 1) / 2).astype(int) for s in (-1, 1)]
    cv2.line(kernel, tuple(map(int, ends[0])), tuple(map(int, ends[1])), 1)
    smeared = cv2.filter2D(site.pixels, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
    fibres = fractal_noise(rng, site.size, (3, 3), octaves=2)
    fibres = cv2.filter2D(fibres, -1, kernel / kernel.sum() * 3, borderType=cv2.BORDER_REFLECT)
    paint = smeared + (sign(rng) * rng.uniform(10, 35) + rng.uniform(6, 16) * fibres)[..., None]
    return blend(image, site, smoothstep(-0.5, 5, inward), paint)


def peeling(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Coating flaked off: another material below, a sharp rim and its shadow."""
    site = choose_site(rng, image, (25, 115))
    inward = blob(rng, site, roughness=0.2, aspect=(0.45, 1))
    inward = inward + 1.5 * fractal_noise(rng, site.size, (8, 8), octaves=2)
    below = far_colour(rng, _mean_colour(site, (inward > 0).astype(np.float32)))
    texture = rng.uniform(4, 12) * fractal_noise(rng, site.size, (5, 5), octaves=3)
    along, _ = turned_grid(site.size, rng.uniform(0, 2 * math.pi), site.centre)
    rim = np.exp(-(((inward - 1.5) / 1.8) ** 2)) * np.sign(along) * rng.uniform(20, 60)
    paint = below + (texture - rim)[..., None]
    return blend(image, site, smoothstep(-0.4, 0.8, inward), paint)


def misprint(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """A piece of the pattern out of place, turned, and a little lighter or darker."""
    site = choose_site(rng, image, (40, 120))
    inward = blob(rng, site, roughness=0.06, aspect=(0.5, 1))
    centre = (site.centre[1], site.centre[0])
    turn = cv2.getRotationMatrix2D(centre, rng.uniform(25, 155) * sign(rng), rng.uniform(0.8, 1.25))
    turn[:, 2] += rng.uniform(-0.15, 0.15, 2) * site.extent
    moved = cv2.warpAffine(
        site.pixels, turn, site.pixels.shape[1::-1], borderMode=cv2.BORDER_REFLECT
    )
    paint = moved + sign(rng) * rng.uniform(12, 40)
    return blend(image, site, smoothstep(-0.3, 1.2, inward), paint)


def contamination(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Dust, chips or drops: many particles of a foreign colour, each with its shadow."""
    site = choose_site(rng, image, (25, 115))
    body, lit = _dots(rng, site, int(rng.integers(8, 40)), (1.0, 3.2))
    shadow = 0.45 * shifted(body, *rng.uniform(1, 2, 2) * rng.choice([-1, 1], 2))
    colour = far_colour(rng, _mean_colour(site, body))
    coverage = np.maximum(body, shadow)
    share = (body / np.maximum(coverage, 1e-6))[..., None]
    grains = (0.85 + 0.2 * np.clip(lit, -1, 1))[..., None] * colour
    return blend(image, site, coverage, share * grains + (1 - share) * 0.4 * site.pixels)


def chip(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Broken edge: a polygon broken out, its facets lit each in its own way."""
    site = choose_site(rng, image, (25, 110))
    angles = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(5, 9))))
    radii = site.extent / 2 * rng.uniform(0.55, 1, len(angles))
    outline = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
    corners = outline + np.array(site.centre[::-1])
    middle = corners.mean(axis=0)
    facets = np.full(site.size, 1.0, np.float32)
    drawing = np.zeros(site.size, np.uint8)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        triangle = np.rint([start, end, middle]).astype(np.int32)
        cv2.fillPoly(drawing, [triangle], 255)
        cv2.fillPoly(facets, [triangle], float(rng.uniform(0.35, 1.5)))
    facets = cv2.GaussianBlur(facets, (0, 0), 1.0)
    material = _mean_colour(site, drawing / 255.0) * rng.uniform(0.75, 1.15)
    rough = 1 + 0.07 * fractal_noise(rng, site.size, (4, 4), octaves=3)
    coverage = cv2.GaussianBlur(drawing, (0, 0), 0.6).astype(np.float32) / 255
    return blend(image, site, coverage, material * (facets * rough)[..., None])


def corrosion(rng: np.random.Generator, image: np.ndarray) -> Painted:
    """Rust or mould: a mottled crust that ends in islands."""
    site = choose_site(rng, image, (30, 120))
    inward = blob(rng, site, roughness=0.1, aspect=(0.5, 1)) / (site.extent / 2)
    crust = fractal_noise(rng, site.size, (site.extent / 5,) * 2, octaves=4, persistence=0.7)
    coverage = smoothstep(0.0, 0.35, inward * 1.6 + 0.35 * crust - 0.15) * (inward > 0)
    tints = [(0.75, 0.45, 0.25), (0.35, 0.30, 0.28), (0.55, 0.65, 0.45), (1.25, 1.2, 1.1)]
    tint = np.float32(tints[rng.integers(4)]) * rng.uniform(0.85, 1.15)
    fine = 1 + rng.uniform(0.1, 0.25) * fractal_noise(rng, site.size, (5, 5), octaves=3)
    return blend(image, site, coverage.astype(np.float32), site.pixels * tint * fine[..., None])
