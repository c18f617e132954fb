"""Surfaces with a design: prints, boards, meshes; see ``surfaces.py``."""

import math

import cv2
import numpy as np

from mmvrec.synthesis.noise import (
    fractal_noise,
    fraction,
    grain,
    smoothstep,
    turned_grid,
    value_noise,
)
from mmvrec.synthesis.painting import sign
from mmvrec.synthesis.surfaces import Size, hue


def _mixed(share: np.ndarray, ground: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """Two colours, RGB (3,) each, by the share (H, W) of the second."""
    share = share.astype(np.float32)
    return cv2.merge([a + share * (b - a) for a, b in zip(ground, ink, strict=True)])


def printed_pattern(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Dots, rings, stripes or checks in one ink on paper, foil or laminate."""
    pitch = rng.uniform(12, 60)
    u, v = turned_grid(size, rng.uniform(0, math.pi), (rng.uniform(0, 60), rng.uniform(0, 60)))
    du, dv = fraction(u / pitch) - 0.5, fraction(v / pitch) - 0.5
    radius, soft = np.hypot(du, dv), 1.2 / pitch
    size_of_motif = rng.uniform(0.18, 0.4)
    motif = [
        smoothstep(soft, -soft, radius - size_of_motif),
        smoothstep(soft, -soft, np.abs(radius - size_of_motif) - 0.07),
        smoothstep(soft, -soft, np.abs(du) - 0.5 * size_of_motif),
        np.abs(smoothstep(-soft, soft, du) - smoothstep(-soft, soft, dv)),
    ][rng.integers(4)]
    paper = rng.uniform(120, 225) + hue(rng, 22)
    ink = paper * rng.uniform(0.45, 0.85) + hue(rng, 30)
    worn = 1 + np.float32(0.06) * fractal_noise(rng, size, (30, 30), octaves=4)
    image = _mixed(motif, paper, ink) * worn[..., None]
    return image + (np.float32(rng.uniform(1, 3)) * grain(rng, size))[..., None]


def circuit_board(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Traces, pads and vias on a board; in colour, or black and white as from a binarised scan."""
    height, width = size
    traces = np.zeros(size, np.uint8)
    stroke = int(rng.integers(3, 9))
    grid = 2 * stroke + int(rng.integers(2, 12))
    turns = [(1, 0), (0, 1), (1, 1), (1, -1)]
    for _ in range(int(height * width / (grid * 300)) + 4):
        point = np.array([rng.integers(width), rng.integers(height)]) // grid * grid
        cv2.circle(traces, tuple(map(int, point)), int(stroke * rng.uniform(0.9, 1.6)), 255, -1)
        for _ in range(int(rng.integers(2, 6))):
            step = np.array(turns[rng.integers(4)]) * rng.choice([-1, 1])
            end = point + step * grid * int(rng.integers(1, 7))
            cv2.line(traces, tuple(map(int, point)), tuple(map(int, end)), 255, stroke)
            point = end
        cv2.circle(traces, tuple(map(int, point)), int(stroke * rng.uniform(0.9, 1.6)), 255, -1)
    share = cv2.GaussianBlur(traces, (0, 0), rng.uniform(0.5, 1.0)).astype(np.float32) / 255
    ground, copper = [
        (np.float32([25, 70, 45]), np.float32([60, 130, 80])),
        (np.float32([20, 60, 40]), np.float32([190, 140, 80])),
        (np.float32([30, 30, 30]), np.float32([225, 225, 225])),
        (np.float32([215, 215, 215]), np.float32([40, 40, 40])),
    ][rng.integers(4)]
    offset = rng.uniform(0, 40) + hue(rng, 12)
    image = _mixed(share, ground + offset, copper + offset)
    return image + (rng.uniform(1.5, 5) * value_noise(rng, size, (8, 8)))[..., None]


def mesh(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Wire mesh, grille or perforated sheet: round bars around dark openings."""
    pitch, bar = rng.uniform(14, 40), rng.uniform(0.25, 0.6)
    u, v = turned_grid(size, rng.uniform(0, math.pi), (size[0] / 2, size[1] / 2))
    u += rng.uniform(0, 0.06) * pitch * value_noise(rng, size, (60, 60))
    across = [np.abs(fraction(c / pitch) - 0.5) / (bar / 2) for c in (u, v)]
    bars = [np.sqrt(np.clip(1 - distance**2, 0, 1)) for distance in across]
    height = np.maximum(*bars)
    inside = smoothstep(0.0, 0.35, height)
    opening = rng.uniform(35, 90) + hue(rng, 8)
    metal = rng.uniform(120, 200) + hue(rng, 12)
    shade = (0.6 + 0.4 * height)[..., None]
    wires = np.broadcast_to(metal, (*size, 3)) * shade
    image = opening + inside[..., None] * (wires - opening)
    return (image + 3 * grain(rng, size)[..., None]).astype(np.float32)


def carpet(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Pile, felt or leather: short curls without direction, mottled."""
    cell = rng.uniform(3, 8)
    curls = fractal_noise(rng, size, (cell, cell), octaves=3, persistence=0.7)
    ridged = np.abs(curls) * np.float32(sign(rng))
    mottle = fractal_noise(rng, size, (70, 70), octaves=4)
    tone = rng.uniform(7, 18) * ridged + rng.uniform(2, 8) * mottle
    colour = rng.uniform(75, 190) + hue(rng, 30)
    return cv2.merge([tone + value for value in colour])
