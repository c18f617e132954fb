"""Finders: from an image to regions that may be defects."""

from mmvrec.finding.base import DetectedBoxes, Finder, pointed_at
from mmvrec.finding.detectors import AnomalibFinder, DetectorFinder, TorchvisionFinder
from mmvrec.finding.patch_finder import PatchMemoryFinder
from mmvrec.finding.trained_finder import TrainedPatchFinder

__all__ = [
    'AnomalibFinder',
    'DetectedBoxes',
    'DetectorFinder',
    'Finder',
    'PatchMemoryFinder',
    'TorchvisionFinder',
    'TrainedPatchFinder',
    'pointed_at',
]
