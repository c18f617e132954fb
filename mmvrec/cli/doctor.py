"""``mmvrec doctor``: is everything there, and does it fit together?"""

import argparse
import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import torch

import mmvrec
from mmvrec.models.backbones.embedded import EMBEDDED
from mmvrec.models.backbones.packaged import PACKAGED
from mmvrec.models.backbones.weights import (
    CONVERTED,
    PUBLISHED,
    describe_weights,
    find_weights,
    licence_of,
    weights_folders,
)
from mmvrec.structures.licences import commercial_use
from mmvrec.utils.files import sha256_file

#: Packages, and the versions that are tested together.
TESTED = {
    'torch': '2.12.1',
    'torchvision': '0.27.1',
    'mmengine': '0.10.7',
    'mmcv-lite': '2.2.0',
    'mmpretrain': '1.2.0',
    'timm': '1.0.31',
}
#: Weights that configs name and the package does not have: backbones, and CLIP for its text tower.
NAMED_IN_CONFIGS = (*CONVERTED, 'ViT-L-14.pt')


def run(args: argparse.Namespace) -> int:
    """Print what is found; 1 where something must be done."""
    print(f'mmvrec {mmvrec.__version__}, Python {platform.python_version()}, {platform.platform()}')
    problems = [*_packages(), *_imports(), *_embedded_weights(), *_other_weights()]
    _device()
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
    """Weights that come with the package, and as packages that it needs."""
    problems = []
    for name in (*EMBEDDED, *PACKAGED):
        try:
            path = find_weights(name)
        except (FileNotFoundError, ValueError) as error:
            problems.append(str(error))
            continue
        print(f'  weights {name}: {path}\n{_licence(name)}')
    return problems


def _licence(name: str) -> str:
    """The licence of weights, and whether it allows commercial use."""
    licence = licence_of(name)
    return f'    licence: {licence}; commercial use: {commercial_use(licence)}'


def _other_weights() -> list[str]:
    """Not all of them are needed, so one that is missing is no problem."""
    try:
        folders = weights_folders()
    except FileNotFoundError as error:
        return [str(error)]
    places = ', '.join(f'{folder.absolute()} ({what})' for what, folder in folders.items())
    print(f'  weights by file name are looked for in {places}')
    problems = []
    for name in NAMED_IN_CONFIGS:
        try:
            path = find_weights(name)
        except FileNotFoundError:
            print(f'  not here: {describe_weights(name)}\n{_licence(name)}'.replace('\n', '\n  '))
            continue
        print(f'  weights {name}: {path}, {path.stat().st_size} bytes\n{_licence(name)}')
        published = PUBLISHED.get(name)
        if published and published.sha256 != sha256_file(path):
            problems.append(f'{path} is not the published file, get it again: {published}')
    return problems
