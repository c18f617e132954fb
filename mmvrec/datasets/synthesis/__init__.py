"""Procedural images of surfaces with defects: plain NumPy and OpenCV, no third-party data."""

from mmvrec.datasets.synthesis.compose import GENERATOR_VERSION, MIN_SIDE, generate, image_rng
from mmvrec.datasets.synthesis.defects import DEFECTS
from mmvrec.datasets.synthesis.surfaces import SURFACES

__all__ = ['DEFECTS', 'GENERATOR_VERSION', 'MIN_SIDE', 'SURFACES', 'generate', 'image_rng']
