"""Procedural images of surfaces with defects: plain NumPy and OpenCV, no third-party data."""

from mmvrec.synthesis.catalogue import (
    DATASET_DEFECTS,
    DATASET_SURFACES,
    DEFECTS,
    SURFACES,
)
from mmvrec.synthesis.compose import GENERATOR_VERSION, MIN_SIDE, generate, image_rng

__all__ = [
    'DATASET_DEFECTS',
    'DATASET_SURFACES',
    'DEFECTS',
    'GENERATOR_VERSION',
    'MIN_SIDE',
    'SURFACES',
    'generate',
    'image_rng',
]
