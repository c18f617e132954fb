"""The user's own code that a command line names."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from mmengine.registry import Registry

from mmvrec.registry import MODELS, TRANSFORMS

#: Packages whose types a saved model may name by closed lists only, whoever imports them.
_CLOSED = ('mmcv', 'mmengine', 'mmpretrain', 'mmvrec', 'torch', 'torchvision')


def import_modules(names: Sequence[str]) -> list[str]:
    """Import modules, so that what they register is found.

    Args:
        names (Sequence[str]): names of modules that Python finds, or files ``.py``.

    Returns:
        list[str]: names of the models and transforms that they, and others of their packages,
        have registered: what a saved model may name beside the types of mmvrec.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there is no such module, or it imports one that is not there.
    """
    packages = {_import(name).partition('.')[0] for name in names} - {*_CLOSED}
    return [
        name
        for registry in (MODELS, TRANSFORMS)
        for name, kind in _registered(registry)
        if kind.__module__.partition('.')[0] in packages
    ]


def _import(name: str) -> str:
    """Import a module and give its name in ``sys.modules``."""
    try:
        if not name.endswith('.py'):
            return import_module(name).__name__
        return _import_file(Path(name))
    except ImportError as error:
        raise ValueError(
            f'--import {name}: {error}; give a module that Python finds (PYTHONPATH), or a .py file'
        ) from error


def _import_file(path: Path) -> str:
    path = path.resolve()
    if not path.is_file():
        raise FileNotFoundError(f'--import: no file {path}')
    name = path.stem
    if name in sys.modules:
        if getattr(sys.modules[name], '__file__', None) == str(path):
            return name
        raise ValueError(f'--import {path}: Python has another module {name!r}; rename the file')
    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    # Before it runs, as dataclasses and pickles look for it there.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return name


def _registered(registry: Registry | None) -> list[tuple[str, type]]:
    """Types of a registry and its parents, by both names that a config may use."""
    types = []
    while registry is not None:
        for name, kind in registry.module_dict.items():
            types += [(name, kind), (f'{registry.scope}.{name}', kind)]
        registry = registry.parent
    return types
