"""Runs exported mmvrec classifiers without torch."""

from mmvrec_runtime.classifier import Classifier
from mmvrec_runtime.version import __version__

__all__ = ['Classifier', '__version__']
