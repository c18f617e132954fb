"""mmvrec: few-shot classification of industrial defects, for OpenMMLab."""

from mmvrec.utils.checkpoint import allow_mmengine_globals
from mmvrec.version import __version__

allow_mmengine_globals()

__all__ = ['__version__']
