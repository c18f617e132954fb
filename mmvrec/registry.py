"""Child registries of MMPretrain's, scope ``mmvrec``.

Their ``locations`` make MMEngine import the modules on the first look-up, so that
``import mmvrec`` (or ``custom_imports``) registers everything without importing it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.registry import RUNNERS as MMENGINE_RUNNERS
from mmengine.registry import DefaultScope, Registry
from mmpretrain import registry as mmpretrain_registry
from mmpretrain.utils import dependency

# MMPretrain imports its multimodal models wherever it finds transformers and pycocotools, and with
# transformers 4.56 and later that fails (names that they need have moved): so would all of this
# package. None of them is used here. Whoever needs them imports mmpretrain.models first.
dependency.WITH_MULTIMODAL = False


class OwnRegistry(Registry):
    """Looks for names here and in its parents, and only then in MMEngine's default scope.

    The default scope belongs to the process: another library may have set it, and switching it for
    a while, as MMEngine's registries do, is seen by all other threads.
    """

    def get(self, key: str) -> type | None:
        """The class of this name, None where there is none."""
        found, default = super().get(key), DefaultScope.get_current_instance()
        if found is not None or default is None or default.scope_name == self.scope:
            return found
        other = self._get_root_registry()._search_child(default.scope_name)
        return None if other is None else other.get(key)

    @contextmanager
    def switch_scope_and_registry(self, scope: str | None) -> Iterator[Registry]:
        """The registry to build from; MMEngine's switch only where another scope is named."""
        if scope not in (None, self.scope):
            with super().switch_scope_and_registry(scope) as registry:
                yield registry
        else:
            yield self


def _child(parent: Registry, *locations: str) -> Registry:
    # The parent's modules are named too: MMEngine looks into a parent without importing them.
    locations = [*parent._locations, *locations]
    return OwnRegistry(parent.name, parent=parent, scope='mmvrec', locations=locations)


DATASETS = _child(mmpretrain_registry.DATASETS, 'mmvrec.datasets')
TRANSFORMS = _child(mmpretrain_registry.TRANSFORMS, 'mmvrec.datasets.transforms')
DATA_SAMPLERS = _child(mmpretrain_registry.DATA_SAMPLERS, 'mmvrec.datasets.samplers')
MODELS = _child(mmpretrain_registry.MODELS, 'mmvrec.models')
LOOPS = _child(mmpretrain_registry.LOOPS, 'mmvrec.engine.loops')
HOOKS = _child(mmpretrain_registry.HOOKS, 'mmvrec.engine.hooks')
METRICS = _child(mmpretrain_registry.METRICS, 'mmvrec.evaluation')
VISUALIZERS = _child(mmpretrain_registry.VISUALIZERS, 'mmvrec.visualization')
# MMEngine has no kind of thing that finds: this registry has no parent.
FINDERS = OwnRegistry('finder', scope='mmvrec', locations=['mmvrec.finding'])
# The stock scripts look for runners in MMEngine's own registry, before any scope is set.
RUNNERS = Registry('runner', parent=MMENGINE_RUNNERS, scope='mmvrec', locations=['mmvrec.engine'])

# Nothing of ours is registered here yet, but under our default scope MMEngine looks for them.
EVALUATORS = _child(mmpretrain_registry.EVALUATORS)
LOG_PROCESSORS = _child(mmpretrain_registry.LOG_PROCESSORS)
OPTIMIZERS = _child(mmpretrain_registry.OPTIMIZERS)
OPTIM_WRAPPERS = _child(mmpretrain_registry.OPTIM_WRAPPERS)
OPTIM_WRAPPER_CONSTRUCTORS = _child(mmpretrain_registry.OPTIM_WRAPPER_CONSTRUCTORS)
PARAM_SCHEDULERS = _child(mmpretrain_registry.PARAM_SCHEDULERS)
VISBACKENDS = _child(mmpretrain_registry.VISBACKENDS)
