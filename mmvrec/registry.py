"""Child registries of MMPretrain's, scope ``mmvrec``.

Their ``locations`` make MMEngine import the modules on the first look-up, so that
``import mmvrec`` (or ``custom_imports``) registers everything without importing it.
"""

from mmpretrain.registry import DATA_SAMPLERS as MMPRETRAIN_DATA_SAMPLERS
from mmpretrain.registry import DATASETS as MMPRETRAIN_DATASETS
from mmpretrain.registry import HOOKS as MMPRETRAIN_HOOKS
from mmpretrain.registry import LOOPS as MMPRETRAIN_LOOPS
from mmpretrain.registry import METRICS as MMPRETRAIN_METRICS
from mmpretrain.registry import MODEL_WRAPPERS as MMPRETRAIN_MODEL_WRAPPERS
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from mmpretrain.registry import TRANSFORMS as MMPRETRAIN_TRANSFORMS
from mmengine.registry import Registry

MODELS = Registry('model', parent=MMPRETRAIN_MODELS, scope='mmvrec', locations=['mmvrec.models'])
DATASETS = Registry(
    'dataset', parent=MMPRETRAIN_DATASETS, scope='mmvrec', locations=['mmvrec.datasets']
)
TRANSFORMS = Registry(
    'transform',
    parent=MMPRETRAIN_TRANSFORMS,
    scope='mmvrec',
    locations=['mmvrec.datasets.transforms'],
)
DATA_SAMPLERS = Registry(
    'data sampler',
    parent=MMPRETRAIN_DATA_SAMPLERS,
    scope='mmvrec',
    locations=['mmvrec.datasets.samplers'],
)
LOOPS = Registry(
    'loop', parent=MMPRETRAIN_LOOPS, scope='mmvrec', locations=['mmvrec.engine.loops']
)
HOOKS = Registry(
    'hook', parent=MMPRETRAIN_HOOKS, scope='mmvrec', locations=['mmvrec.engine.hooks']
)
METRICS = Registry(
    'metric', parent=MMPRETRAIN_METRICS, scope='mmvrec', locations=['mmvrec.evaluation']
)
MODEL_WRAPPERS = Registry(
    'model wrapper',
    parent=MMPRETRAIN_MODEL_WRAPPERS,
    scope='mmvrec',
    locations=['mmvrec.engine.model_wrapper'],
)
