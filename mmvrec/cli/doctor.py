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
    problems = [*check_packages(), *check_imports(), *check_weights()]
    if torch.cuda.is_available():
        print(f'  device: {torch.cuda.get_device_name()}')
    else:
        print(f'  device: CPU, {torch.get_num_threads()} threads')
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


def check_packages() -> list[str]:
    """Print the versions of the packages, and list those that are missing."""
    problems = []
    for name, tested in TESTED.items():
        present = installed(name)
        note = '' if present and present.split('+')[0] == tested else f' (tested with {tested})'
        print(f'  {name}: {present or "missing"}{note}')
        if present is None:
            problems.append(f'{name} is missing: pip install {name}=={tested}')
    return problems


def check_imports() -> list[str]:
    """List packages that cannot be imported, as torch and torchvision that do not match."""
    problems = []
    for name in ('torchvision', 'mmcv', 'mmpretrain'):
        try:
            import_module(name)
        except Exception as error:
            problems.append(f'{name} cannot be imported: {error}; install the tested versions')
    return problems


def check_weights() -> list[str]:
    """Print where weights lie, and list those that are not what they should be.

    Not all that configs name are needed, so one of these that is missing is no problem.
    """
    problems = []
    for name in (*EMBEDDED, *PACKAGED):
        try:
            path = find_weights(name)
        except (FileNotFoundError, ValueError) as error:
            problems.append(str(error))
            continue
        print(f'  weights {name}: {path}')
        print_licence(name)
    try:
        folders = weights_folders()
    except FileNotFoundError as error:
        return [*problems, str(error)]
    places = ', '.join(f'{folder.absolute()} ({what})' for what, folder in folders.items())
    print(f'  weights by file name are looked for in {places}')
    for name in NAMED_IN_CONFIGS:
        try:
            path = find_weights(name)
        except FileNotFoundError:
            print(f'  not here: {describe_weights(name)}'.replace('\n', '\n  '))
            print_licence(name)
            continue
        print(f'  weights {name}: {path}, {path.stat().st_size} bytes')
        print_licence(name)
        published = PUBLISHED.get(name)
        if published and published.sha256 != sha256_file(path):
            problems.append(f'{path} is not the published file, get it again: {published}')
    return problems


def print_licence(name: str) -> None:
    """Print the licence of weights, and whether it allows commercial use."""
    licence = licence_of(name)
    print(f'    licence: {licence}; commercial use: {commercial_use(licence)}')
