"""Configs and tools that travel with the package, found from any working directory."""

from difflib import get_close_matches
from pathlib import Path

from mmengine.config import Config

import mmvrec


def _resource(kind: str, name: str) -> Path:
    if Path(name).is_file():
        return Path(name)
    root = Path(mmvrec.__file__).parent / '.mim' / kind
    relative = name.removeprefix(f'{kind}/')
    if not (root / relative).is_file():
        folder = (root / relative).parent
        names = sorted(p.name for p in folder.glob('*.py')) if folder.is_dir() else []
        beside = get_close_matches(Path(name).name, names, n=8, cutoff=0.5) or names[:8]
        raise FileNotFoundError(
            f'no file {name!r} here, and none of that name in the package ({root}); '
            f'there is: {beside}'
        )
    return root / relative


def config_file(name: str) -> Path:
    """Find a config.

    Args:
        name (str): a path, or the name of a config of the package, with or without ``configs/``
            (``mvrec/zipa_5shot_synthetic.py``).

    Returns:
        Path: ``name`` itself where it exists, else the package's file.

    Raises:
        FileNotFoundError: neither exists.
    """
    return _resource('configs', name)


def read_config(name: str) -> Config:
    """Read a config; see :func:`config_file`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read as a config.
    """
    path = config_file(name)
    try:
        return Config.fromfile(path)
    # A config is a program: it raises what it likes.
    except Exception as error:
        raise ValueError(
            f'{path} cannot be read as a config: {type(error).__name__}: {error}'
        ) from error


def tool_file(name: str) -> Path:
    """Find a tool, e.g. ``test.py``; see :func:`config_file`."""
    return _resource('tools', name)
