"""What the config in a saved model may name: closed lists, checked before anything is built.

MMEngine imports what a config names, and builds whatever it finds there. A config that a user gives
is code of theirs; one that is read from a saved model is data, and names nothing but what stands
here, or what the user has allowed by name.
"""

from collections.abc import Collection, Sequence

from mmengine.config import Config

from mmvrec.apis.config_values import (
    MAX_NUMBER,
    MAX_TEXT,
    check_arguments,
    check_plain,
    check_settings,
    check_size,
    fits,
    short_list,
)
from mmvrec.apis.named_files import FILE_ARGUMENTS, is_bare, is_path
from mmvrec.models import heads
from mmvrec.models.backbones import AlphaCLIP
from mmvrec.models.backbones.timm_weights import DOWNLOAD
from mmvrec.registry import MODELS, TRANSFORMS

#: Types by what they are.
TYPES = {
    'model': ('MVRECClassifier',),
    'backbone': ('AlphaCLIP', 'FusedBackbone', 'TimmRegion'),
    'data_preprocessor': ('MultiViewDataPreprocessor',),
    'head': tuple(name for name in heads.__all__ if name != 'FewShotHead'),
    'text': ('CLIPText', 'StoredText'),
    'transform': ('LoadDefectImage', 'LoadInstanceMask', 'MultiViewRegionContext', 'PackViews'),
    'optim_wrapper': ('AmpOptimWrapper', 'OptimWrapper'),
    'optimizer': (
        'ASGD',
        'Adadelta',
        'Adagrad',
        'Adam',
        'AdamW',
        'Adamax',
        'NAdam',
        'RAdam',
        'RMSprop',
        'Rprop',
        'SGD',
    ),
    'param_scheduler': (
        'ConstantLR',
        'CosineAnnealingLR',
        'CosineRestartLR',
        'ExponentialLR',
        'LinearLR',
        'MultiStepLR',
        'OneCycleLR',
        'PolyLR',
        'StepLR',
    ),
}
#: What stands without a type, as MMEngine and the classifier take it.
_DEFAULTS = {'data_preprocessor': 'MultiViewDataPreprocessor', 'optim_wrapper': 'OptimWrapper'}
#: Types whose arguments are those of their constructors, and the registries that have them.
_OWN = {'transform': TRANSFORMS} | dict.fromkeys(
    ('model', 'backbone', 'data_preprocessor', 'head', 'text'), MODELS
)
#: Arguments that are configs themselves, and what they are.
_PARTS = {
    'model': {name: name for name in ('backbone', 'data_preprocessor', 'head', 'text')},
    'head': {'head': 'head'},
    'optim_wrapper': {'optimizer': 'optimizer'},
}
#: Arguments that are lists of configs, and what these are.
_PART_LISTS = {'backbone': {'members': 'backbone'}}
#: Arguments that are settings without type, by name.
_SETTINGS = {'optim_wrapper': ('clip_grad', 'loss_scale', 'paramwise_cfg')}
#: Arguments by which MMEngine builds, imports or loads something else.
_NEVER = ('init_cfg', 'custom_imports', 'default_scope')
_SCOPE = 'mmvrec.'
#: What the configs say for tools that work in another default scope.
_OWN_SCOPE = ('_scope_', 'mmvrec')
#: What of a config a saved model needs.
_CONFIG_KEYS = ('model', 'optim_wrapper', 'param_scheduler')
_SEEDS, _MAX_SEED = ('init_seed', 'random_seed'), 2**63 - 1
#: Configs in configs.
_MAX_DEPTH = 4


class ConfigCheck:
    """Checks of a config that was read from a file.

    Args:
        allow (Collection[str]): further types, and paths of files, that the user has allowed.
        files (Collection[str]): paths whose content is checked before it is read.
    """

    def __init__(self, allow: Collection[str] = (), files: Collection[str] = ()):
        self.allow = frozenset(allow)
        self.files = frozenset(files)

    def check(self, config: object) -> None:
        """Check the whole config.

        Raises:
            ValueError: it names something else than it may, or something too large.
        """
        optional = ('optim_wrapper', 'param_scheduler', 'train_cfg')
        self._check_keys(config, 'the config', ('model', 'test_dataloader'), optional)
        self._check_part(config['model'], 'model', 'model')
        loader, where = config['test_dataloader'], 'test_dataloader'
        self._check_keys(loader, where, ('dataset',))
        self._check_keys(loader['dataset'], f'{where}.dataset', ('pipeline',))
        where = f'{where}.dataset.pipeline'
        for index, part in enumerate(short_list(loader['dataset']['pipeline'], where)):
            self._check_part(part, 'transform', f'{where}[{index}]')
        if 'optim_wrapper' in config:
            self._check_part(config['optim_wrapper'], 'optim_wrapper', 'optim_wrapper')
        schedulers = config.get('param_scheduler', [])
        schedulers = schedulers if isinstance(schedulers, list) else [schedulers]
        for index, part in enumerate(short_list(schedulers, 'param_scheduler')):
            self._check_part(part, 'param_scheduler', f'param_scheduler[{index}]')
        self._check_keys(config.get('train_cfg', {}), 'train_cfg', (), ('max_iters',))
        iterations = config.get('train_cfg', {}).get('max_iters', 1)
        if not fits(iterations, int) or not 0 <= iterations <= MAX_NUMBER:
            raise ValueError(f'train_cfg.max_iters must be 0 to {MAX_NUMBER}')

    @staticmethod
    def _check_keys(
        part: object, where: str, needed: Sequence[str], optional: Sequence[str] = ()
    ) -> None:
        if not isinstance(part, dict) or not set(needed) <= set(part) <= {*needed, *optional}:
            names = ', '.join((*needed, *(f'{name} (may be left out)' for name in optional)))
            raise ValueError(f'{where} must have {names}, and nothing else')

    def _check_part(self, part: object, slot: str, where: str, depth: int = 0) -> None:
        """Check what is built from a config of its own."""
        if not isinstance(part, dict) or depth > _MAX_DEPTH:
            raise ValueError(f'{where} is no config, or nested too deeply')
        kind = part.get('type', _DEFAULTS.get(slot))
        own = self._own_type(kind, slot, where)
        arguments = {name: value for name, value in part.items() if name != 'type'}
        for name in arguments:
            if not name.isidentifier() or name.startswith('_') or name in _NEVER:
                raise ValueError(f'{where} has {name!r}, which no saved model may have')
        for name, value in arguments.items():
            place = f'{where}.{name}'
            if value is not None and name in _PARTS.get(slot, ()):
                self._check_part(value, _PARTS[slot][name], place, depth + 1)
            elif own is not None and name in _PART_LISTS.get(slot, ()):
                inner = _PART_LISTS[slot][name]
                for index, entry in enumerate(short_list(value, place)):
                    self._check_part(entry, inner, f'{place}[{index}]', depth + 1)
            elif own is None:
                self._check_foreign(value, slot, place, depth + 1)
            else:
                self._check_value(value, slot, name, place)
        if own in TYPES[slot] and slot in _OWN:
            check_arguments(_OWN[slot].get(own), arguments, where)
            check_size(own, arguments, where)

    def _own_type(self, kind: object, slot: str, where: str) -> str | None:
        """Resolve the type of this package that is named; None for one that the user allowed."""
        if isinstance(kind, str):
            if kind.removeprefix(_SCOPE) in TYPES[slot]:
                return kind.removeprefix(_SCOPE)
            if kind in self.allow:
                return None
        name = repr(kind) if isinstance(kind, str) and len(kind) < MAX_TEXT else 'something else'
        raise ValueError(
            f'{where} would build {name}; a saved model may name {", ".join(TYPES[slot])}, and '
            'what you allow: DefectInferencer.load(path, allow=[…])'
        )

    def _check_value(self, value: object, slot: str, name: str, place: str) -> None:
        """Check an argument of one of the types in the lists."""
        if name in FILE_ARGUMENTS and value is not None:
            self._check_file(value, place)
        elif name == 'constructor' and value != 'DefaultOptimWrapperConstructor':
            raise ValueError(f'{place} must be DefaultOptimWrapperConstructor')
        elif name == 'arch' and isinstance(value, dict):
            self._check_keys(value, place, tuple(AlphaCLIP.ARCHS['tiny']))
            check_plain(list(value.values()), place)
        elif isinstance(value, dict) and name in _SETTINGS.get(slot, ()):
            check_settings(value, place)
        else:
            check_plain(value, place, _MAX_SEED if name in _SEEDS else MAX_NUMBER)

    def _check_foreign(self, value: object, slot: str, place: str, depth: int) -> None:
        """Check an argument of a type that the user has allowed, of which nothing is known."""
        if depth > _MAX_DEPTH:
            raise ValueError(f'{place} is nested too deeply')
        if isinstance(value, dict) and 'type' in value:
            self._check_part(value, slot, place, depth)
        elif isinstance(value, dict | list):
            if isinstance(value, dict) and any(n.startswith('_') or n in _NEVER for n in value):
                raise ValueError(f'{place} has {list(value)[:5]}, which no saved model may have')
            parts = list(value.values()) if isinstance(value, dict) else value
            for part in short_list(parts, place):
                self._check_foreign(part, slot, place, depth + 1)
        elif isinstance(value, str) and not is_bare(value) and value not in self.allow:
            raise ValueError(f'{place} may name a file, {value[:200]!r}; allow it by name')
        else:
            check_plain(value, place)

    def _check_file(self, value: object, place: str) -> None:
        if not isinstance(value, str):
            raise ValueError(f'{place} is no name of a file')
        if value == DOWNLOAD and value not in self.allow:
            raise ValueError(
                f'{place} would download weights from the hub of timm; allow it: '
                f"DefectInferencer.load(path, allow=['{DOWNLOAD}'])"
            )
        if is_bare(value) or value in self.allow or (value in self.files and is_path(value)):
            return
        raise ValueError(
            f'{place} names the file {value[:200]!r} by a path or an address, and nothing tells '
            'what was in it; put the file into a folder of weights and name it without folder, or '
            'allow it: DefectInferencer.load(path, allow=[…])'
        )


def config_to_save(cfg: Config) -> dict:
    """Select what of a config a saved model needs, its types by name."""
    cfg = cfg.to_dict()
    config = {key: cfg[key] for key in _CONFIG_KEYS if cfg.get(key) is not None}
    config['train_cfg'] = {'max_iters': cfg['train_cfg'].get('max_iters', 1)}
    config['test_dataloader'] = {
        'dataset': {'pipeline': cfg['test_dataloader']['dataset']['pipeline']}
    }
    return with_plain_types(config)


def with_plain_types(value: object) -> object:
    """Name the types of this package in a config, where they are classes or have their module."""
    if isinstance(value, dict):
        # Saved models are built in this package's scope alone.
        plain = {k: with_plain_types(v) for k, v in value.items() if (k, v) != _OWN_SCOPE}
        if 'type' in plain:
            kind = plain['type']
            last = kind.__name__ if isinstance(kind, type) else str(kind).rpartition('.')[2]
            is_own = any(last in names for names in TYPES.values())
            plain['type'] = last if is_own or isinstance(kind, type) else kind
        return plain
    return [with_plain_types(v) for v in value] if isinstance(value, list | tuple) else value
