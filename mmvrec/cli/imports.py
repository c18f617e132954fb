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
    packages = {import_module_or_file(name).partition('.')[0] for name in names} - {*_CLOSED}
    return [
        name
        for registry in (MODELS, TRANSFORMS)
        for name, kind in registered_types(registry)
        if kind.__module__.partition('.')[0] in packages
    ]


def import_module_or_file(name: str) -> str:
    """Import what ``--import`` names, and give its name in ``sys.modules``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there is no such module, or it imports one that is not there.
    """
    try:
        if not name.endswith('.py'):
            return import_module(name).__name__
        return import_file(Path(name))
    except ImportError as error:
        raise ValueError(
            f'--import {name}: {error}; give a module that Python finds (PYTHONPATH), or a .py file'
        ) from error


def import_file(path: Path) -> str:
    """Import a file as a module of its own name, and give that name."""
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


def registered_types(registry: Registry | None) -> list[tuple[str, type]]:
    """List the types of a registry and its parents, by both names that a config may use."""
    types = []
    while registry is not None:
        for name, kind in registry.module_dict.items():
            types += [(name, kind), (f'{registry.scope}.{name}', kind)]
        registry = registry.parent
    return types
