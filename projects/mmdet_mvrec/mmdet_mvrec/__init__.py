from .detectors import DETECTORS, MMDetDetector, TorchvisionDetector
from .two_stage import TwoStageInferencer

__all__ = ['DETECTORS', 'MMDetDetector', 'TorchvisionDetector', 'TwoStageInferencer']
