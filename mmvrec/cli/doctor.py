"""``mmvrec doctor``: is everything there, and does it fit together?

What takes seconds to be imported is looked at from outside, by its metadata and files; ``--full``
imports it.
"""

import argparse
import ctypes
import os
import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from packaging.requirements import Requirement

from mmvrec.utils.files import sha256_file
from mmvrec.version import __version__
from mmvrec.weights.embedded import EMBEDDED
from mmvrec.weights.licences import commercial_use
from mmvrec.weights.lookup import (
    CONVERTED,
    PUBLISHED,
    describe_weights,
    find_weights,
    licence_of,
    weights_folders,
)
from mmvrec.weights.packaged import PACKAGED

#: Packages, and the versions that are tested together.
TESTED = {
    'torch': '2.12.1',
    'torchvision': '0.27.1',
    'mmengine': '0.10.7',
    'mmcv-lite': '2.2.0',
    'mmpretrain': '1.2.0',
    'timm': '1.0.31',
}
#: Modules of these that mmvrec imports.
MODULES = ('torch', 'torchvision', 'mmengine', 'mmcv', 'mmpretrain', 'timm')
#: Weights that configs name and the package does not have: backbones, and CLIP for its text tower.
NAMED_IN_CONFIGS = (*CONVERTED, 'ViT-L-14.pt')


def run(args: argparse.Namespace) -> int:
    """Print what is found; 1 where something must be done."""
    print(f'mmvrec {__version__}, Python {platform.python_version()}, {platform.platform()}')
    check_modules = check_imports if args.full else check_installed_modules
    problems = [*check_packages(), *check_modules(), *check_weights()]
    gpu = imported_gpu() if args.full else installed_gpu()
    print(f'  device: {gpu or f"CPU, {os.cpu_count()} cores"}')
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


def check_installed_modules() -> list[str]:
    """List modules that are not there, and a torchvision that was built for another torch."""
    problems = [
        f'{name} has no files; install the tested versions'
        for name in MODULES
        if find_spec(name) is None
    ]
    torch, torchvision = installed('torch'), installed('torchvision')
    for requirement in map(Requirement, requires('torchvision') if torch and torchvision else ()):
        if requirement.name == 'torch' and not requirement.specifier.contains(torch, True):
            problems.append(
                f'torchvision {torchvision} needs {requirement}, installed is torch {torch}; '
                'install the tested versions'
            )
    return problems


def check_imports() -> list[str]:
    """List packages that cannot be imported, as torch and torchvision that do not match."""
    problems = []
    for name in MODULES:
        try:
            import_module(name)
        except Exception as error:
            problems.append(f'{name} cannot be imported: {error}; install the tested versions')
    return problems


def installed_gpu() -> str | None:
    """Name of the first GPU by NVIDIA's driver; None where there is none, or torch has no CUDA."""
    if '+cpu' in (installed('torch') or ''):
        return None
    try:
        driver = ctypes.CDLL('nvcuda.dll' if os.name == 'nt' else 'libcuda.so.1')
    except OSError:
        return None
    name = ctypes.create_string_buffer(256)
    # Each gives 0 where it succeeds.
    if driver.cuInit(0) or driver.cuDeviceGetName(name, len(name), 0):
        return None
    return f'{name.value.decode(errors="replace")}, by its driver'


def imported_gpu() -> str | None:
    """Name of the first GPU by torch; None where there is none."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


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
