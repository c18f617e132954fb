"""``mmvrec doctor``: is everything there, and does it fit together?"""

import argparse
import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import mmvrec
from mmvrec.models.backbones.embedded import EMBEDDED, weights_file

#: Packages, and the versions that are tested together.
TESTED = {
    'torch': '2.12.1',
    'torchvision': '0.27.1',
    'mmengine': '0.10.7',
    'mmcv-lite': '2.2.0',
    'mmpretrain': '1.2.0',
}
#: Where configs look for CLIP's and AlphaCLIP's weights.
CHECKPOINTS = {
    'checkpoints/alphaclip_vit-l14.safetensors': 'ViT-L/14, the configs without _tiny',
}


def run(args: argparse.Namespace) -> int:
    """Print what is found; 1 where something must be done."""
    print(f'mmvrec {mmvrec.__version__}, Python {platform.python_version()}, {platform.platform()}')
    problems = [*_packages(), *_imports(), *_embedded_weights()]
    _device()
    _checkpoints()
    for problem in problems:
        print(f'PROBLEM: {problem}')
    print(f'{len(problems)} problems' if problems else 'everything is in order')
    return 1 if problems else 0


def installed(name: str) -> str | None:
    """Version of an installed distribution; of mmcv-lite or mmcv whichever is there."""
    for candidate in ('mmcv-lite', 'mmcv') if name == 'mmcv-lite' else (name,):
        try:
            return version(candidate)
        except PackageNotFoundError:
            continue
    return None


def _packages() -> list[str]:
    problems = []
    for name, tested in TESTED.items():
        found = installed(name)
        note = '' if found and found.split('+')[0] == tested else f' (tested with {tested})'
        print(f'  {name}: {found or "missing"}{note}')
        if found is None:
            problems.append(f'{name} is missing: pip install {name}=={tested}')
    return problems


def _imports() -> list[str]:
    """Wheels of torch and torchvision that do not match fail when they are imported."""
    problems = []
    for name in ('torchvision', 'mmcv', 'mmpretrain'):
        try:
            import_module(name)
        except Exception as error:
            problems.append(f'{name} cannot be imported: {error}; install the tested versions')
    return problems


def _device() -> None:
    if torch.cuda.is_available():
        print(f'  device: {torch.cuda.get_device_name()}')
    else:
        print(f'  device: CPU, {torch.get_num_threads()} threads')


def _embedded_weights() -> list[str]:
    problems = []
    for name in EMBEDDED:
        try:
            print(f'  weights {name}: {weights_file(name)}')
        except (FileNotFoundError, ValueError) as error:
            problems.append(str(error))
    return problems


def _checkpoints() -> None:
    for path, use in CHECKPOINTS.items():
        if Path(path).is_file():
            print(f'  weights {path}: {Path(path).stat().st_size / 1e6:.0f} MB')
        else:
            print(
                f'  weights {path}: not here ({use}). They are not part of this package: get them '
                'from their authors, mind their licence, and convert them (README, "Weights")'
            )
