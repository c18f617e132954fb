"""From a surface, the light that falls on it and a defect to an image and its mask."""

import math
from collections.abc import Collection
from zlib import crc32

import cv2
import numpy as np

from mmvrec.synthesis.catalogue import DEFECTS, SURFACES
from mmvrec.synthesis.noise import turned_grid

#: To be raised with every change that alters the pixels drawn from given arguments: cached features
#: of the old images then no longer fit (a test pins image statistics, as a reminder).
GENERATOR_VERSION = 1
#: Shortest side of an image: the largest defect and some surface around it.
MIN_SIDE = 160
_GREY = 0.25


def generate(
    surface: str, defect: str, rng: np.random.Generator, size: tuple[int, int] = (320, 320)
) -> tuple[np.ndarray, np.ndarray]:
    """Draw an image of a defect on a surface.

    Args:
        surface (str): a name in :data:`SURFACES`.
        defect (str): a name in :data:`DEFECTS`.
        rng (np.random.Generator): source of all randomness; see :func:`image_rng`.
        size (tuple[int, int]): height and width in pixels. Defaults to (320, 320).

    Returns:
        tuple[np.ndarray, np.ndarray]: image, uint8 RGB, shape (H, W, 3); mask, uint8, shape (H, W),
        255 where the defect alters the surface, else 0.

    Raises:
        ValueError: unknown name, or a side shorter than ``MIN_SIDE``.
    """
    check_name('surface', surface, SURFACES)
    check_name('defect', defect, DEFECTS)
    check_size(size)
    clean = photograph(rng, SURFACES[surface](rng, size))
    return DEFECTS[defect](rng, clean)


def photograph(rng: np.random.Generator, surface: np.ndarray) -> np.ndarray:
    """Light a clean surface and take its picture.

    Everything that a camera adds is added before the defect, so that the defect's mask is exact.

    Args:
        rng (np.random.Generator): source of randomness.
        surface (np.ndarray): float32 RGB, shape (H, W, 3), nominally in [0, 255].

    Returns:
        np.ndarray: uint8 RGB, shape (H, W, 3); about a quarter of the images are grey.
    """
    size = surface.shape[:2]
    along, across = turned_grid(size, rng.uniform(0, 2 * math.pi), (size[0] / 2, size[1] / 2))
    slope = rng.uniform(0, 0.22) * along / max(size)
    falloff = rng.uniform(0, 0.45) * (along**2 + across**2) / max(size) ** 2
    light = rng.uniform(0.82, 1.1) * (1 + 2 * slope - falloff)
    image = cv2.multiply(surface, cv2.merge([light] * 3))
    if rng.uniform() < _GREY:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.0))
    noise = rng.uniform(0.8, 3.5) * rng.standard_normal(size, dtype=np.float32)
    return cv2.add(image, cv2.merge([noise] * 3), dtype=cv2.CV_8U)


def image_rng(seed: int, surface: str, defect: str, index: int) -> np.random.Generator:
    """Make one image's source of randomness, the same on every platform and in any order.

    Args:
        seed (int): seed of the dataset, not negative.
        surface (str): name of the surface.
        defect (str): name of the defect.
        index (int): number of the image within surface and defect.

    Returns:
        np.random.Generator: independent of those of all other images.
    """
    # crc32 rather than hash(), which differs from process to process.
    entropy = [seed, crc32(surface.encode()), crc32(defect.encode()), index]
    return np.random.default_rng(np.random.SeedSequence(entropy))


def check_name(kind: str, name: str, known: Collection[str]) -> None:
    """Raise ``ValueError`` unless ``name`` is one of ``known``."""
    if name not in known:
        raise ValueError(f'unknown {kind} {name!r}; the choices are {list(known)}')


def check_size(size: tuple[int, int]) -> None:
    """Raise ``ValueError`` unless ``size`` is a height and a width of at least ``MIN_SIDE``."""
    is_pair = isinstance(size, (list, tuple)) and [type(n) for n in size] == [int, int]
    if not is_pair or min(size) < MIN_SIDE:
        raise ValueError(
            f'size must be (height, width), integers of at least {MIN_SIDE} pixels, got {size!r}'
        )
