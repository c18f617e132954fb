"""Textured surfaces without defects.

A surface is a function ``(rng, size) -> float32 RGB [H, W, 3]``, nominally in [0, 255], and a line
in :mod:`mmvrec.synthesis.catalogue`. Light, sensor noise and blur are not its business;
see :mod:`mmvrec.synthesis.compose`.
"""

import math

import cv2
import numpy as np

from mmvrec.synthesis.noise import (
    canvas_size,
    fractal_noise,
    fraction,
    grain,
    smoothstep,
    streak_noise,
    turned,
    turned_grid,
    value_noise,
)

Size = tuple[int, int]


def brushed_metal(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Steel, brass or copper with fine parallel grinding marks."""
    angle = rng.uniform(0, math.pi)
    canvas = canvas_size(size, angle)
    fine = streak_noise(rng, canvas, int(rng.integers(15, 70)))
    coarse = value_noise(rng, canvas, (rng.uniform(3, 7), rng.uniform(150, 400)))
    sheen = value_noise(rng, canvas, (rng.uniform(40, 120), 900))
    texture = rng.uniform(5, 11) * fine + rng.uniform(2, 6) * coarse + rng.uniform(3, 10) * sheen
    tone = turned(texture, angle, size) + rng.uniform(115, 185)
    tints = [(0.97, 1.0, 1.04), (1.0, 1.0, 1.0), (1.08, 1.0, 0.78), (1.12, 0.95, 0.84)]
    return tinted(tone, tints[rng.choice(4, p=[0.4, 0.3, 0.15, 0.15])])


def woven_fabric(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Plain or twill weave of threads that vary in thickness and tone."""
    period = rng.uniform(5, 10)
    u, v = turned_grid(size, rng.uniform(0, math.pi), (size[0] / 2, size[1] / 2))
    wave = rng.uniform(0.3, 0.8) * period
    u = (u + wave * value_noise(rng, size, (70, 70))) / period
    v = (v + wave * value_noise(rng, size, (70, 70))) / period
    column, row = np.floor(u), np.floor(v)
    bulge_u, bulge_v = np.sin(math.pi * (u - column)), np.sin(math.pi * (v - row))
    repeat = int(rng.choice([2, 3, 4], p=[0.5, 0.25, 0.25]))
    warp_on_top = (column + row) % repeat < repeat // 2
    height = np.where(warp_on_top, bulge_u * (0.5 + 0.5 * bulge_v), bulge_v * (0.5 + 0.5 * bulge_u))
    tones = rng.normal(0, 0.06, (2, 512)).astype(np.float32)
    thread = np.where(
        warp_on_top, tones[0][column.astype(int) % 512], tones[1][row.astype(int) % 512]
    )
    fibre = 0.05 * grain(rng, size)
    relief = 0.45 + 0.6 * np.sqrt(height) + thread + fibre
    warp_colour = rng.uniform(90, 200) + hue(rng, 35)
    weft_colour = warp_colour * rng.uniform(0.8, 1.2) + hue(rng, 15)
    colours = zip(warp_colour, weft_colour, strict=True)
    return cv2.merge([relief * np.where(warp_on_top, *pair) for pair in colours])


def wood_grain(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Planed wood: growth rings, fibres and pores."""
    angle = rng.uniform(0, math.pi)
    canvas = canvas_size(size, angle)
    along, across = turned_grid(canvas, 0, (canvas[0] / 2, canvas[1] * rng.uniform(-0.5, 1.5)))
    bend = rng.uniform(-1, 1) * 4e-4 * along**2
    drift = rng.uniform(6, 22) * fractal_noise(rng, canvas, (110, 380), octaves=3)
    rings = (across + bend + drift) / rng.uniform(12, 34)
    rings += 0.06 * fractal_noise(rng, canvas, (4, 40), octaves=2)
    phase = fraction(rings)
    # Latewood darkens slowly and ends at once.
    late = phase**2.5 * smoothstep(1.0, 0.9, phase)
    strength = 0.75 + 0.25 * value_noise(rng, canvas, (40, 300))
    fibre = streak_noise(rng, canvas, int(rng.integers(15, 45)))
    dash = streak_noise(rng, canvas, int(rng.integers(5, 14)))
    pores = smoothstep(1.9, 2.9, dash)
    amount = np.clip(0.2 + 0.6 * late * strength + 0.09 * fibre + 0.45 * pores, 0, 1.2)
    light = np.float32([218, 178, 128]) + rng.uniform(-26, 26) + hue(rng, 9)
    dark = light * rng.uniform(0.42, 0.62) * np.float32([1.03, 0.95, 0.82])
    board = turned(cv2.blur(amount, (3, 1)), angle, size)
    return cv2.merge([a + board * (b - a) for a, b in zip(light, dark, strict=True)])


def ceramic_tile(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Glazed, clouded and speckled tiles with grout between them."""
    pitch, width = rng.uniform(110, 260), rng.uniform(3, 7)
    angle = rng.uniform(0, math.pi)
    origin = (rng.uniform(0, size[0]), rng.uniform(0, size[1]))
    u, v = turned_grid(size, angle, origin)
    gaps = [np.abs(fraction(coordinate / pitch + 0.5) - 0.5) * pitch for coordinate in (u, v)]
    gap = np.minimum(*gaps) + 0.4 * value_noise(rng, size, (6, 6))
    tones = rng.normal(0, 5, (32, 32)).astype(np.float32)
    row, column = (np.floor(coordinate / pitch).astype(int) % 32 for coordinate in (u, v))
    clouds = rng.uniform(2, 9) * fractal_noise(rng, size, (90, 90), octaves=5, persistence=0.6)
    speckle = smoothstep(1.6, 2.4, fractal_noise(rng, size, (4, 4), octaves=2))
    tone = tones[row, column] + clouds - rng.uniform(-45, 45) * speckle
    # The glaze thins out towards the edge of a tile.
    tone -= 22 * np.exp(-np.maximum(gap - width / 2, 0) / 3.5)
    glaze = rng.uniform(125, 215) + hue(rng, 18)
    grout = rng.uniform(75, 150) + hue(rng, 6)
    sand = 9 * grain(rng, size)
    is_tile = smoothstep(width / 2 - 0.7, width / 2 + 0.7, gap)
    mortar = [sand + value for value in grout]
    glazed = [tone + value for value in glaze]
    return cv2.merge([a + is_tile * (b - a) for a, b in zip(mortar, glazed, strict=True)])


def tinted(tone: np.ndarray, tint: tuple[float, float, float]) -> np.ndarray:
    """RGB of a grey field (H, W), each channel times its tint."""
    return cv2.merge([tone * np.float32(value) for value in tint])


def hue(rng: np.random.Generator, spread: float) -> np.ndarray:
    """Random offsets of the three channels."""
    return rng.uniform(-spread, spread, 3).astype(np.float32)
