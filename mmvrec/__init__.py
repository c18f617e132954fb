"""mmvrec: few-shot classification of industrial defects, for OpenMMLab."""

import sys

from mmvrec.version import __version__

# Checkpoints that the runner saves hold objects of MMEngine. Where it is not imported yet, the
# models, without which no checkpoint is of use, do this later: --help needs neither of them.
if 'mmengine' in sys.modules:
    from mmvrec.utils.checkpoint import allow_mmengine_globals

    allow_mmengine_globals()

__all__ = ['__version__']
