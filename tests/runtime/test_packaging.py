"""The wheel of the runtime, installed where nothing else is."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import exported
import numpy as np
import onnxruntime
import PIL
import pytest

RUNTIME = Path(__file__).parents[2] / 'runtime'


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('wheel')
    ignored = shutil.ignore_patterns('__pycache__', '*.egg-info', 'build')
    shutil.copytree(RUNTIME, folder / 'source', ignore=ignored)
    command = [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps']
    command += ['--no-build-isolation', '--wheel-dir', str(folder), str(folder / 'source')]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob('*.whl')
    return built


def test_wheel_has_every_module_and_its_licence(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    source = RUNTIME / 'src'
    assert {str(path.relative_to(source)) for path in source.rglob('*.py')} <= names
    assert any(name.endswith('LICENSE') for name in names)


def test_wheel_needs_only_what_it_says(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (n for n in archive.namelist() if n.endswith('.dist-info/METADATA'))
    needed = re.findall(r'^Requires-Dist: ([\w-]+)[^;\n]*$', archive.read(name).decode(), re.M)
    assert sorted(needed) == ['numpy', 'onnxruntime', 'pillow']


def test_installed_wheel_answers_without_anything_of_mmvrec(wheel, model, tmp_path):
    """Beside it only the folders of NumPy, Pillow and ONNX Runtime, as links."""
    site = tmp_path / 'site'
    command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target']
    subprocess.run([*command, str(site), str(wheel)], check=True, capture_output=True)
    for package in (np, PIL, onnxruntime):
        folder = Path(package.__file__).parent
        libraries = [*folder.parent.glob(f'{folder.name}.libs'), *folder.parent.glob('pillow.libs')]
        for part in (folder, *libraries):
            if not (site / part.name).exists():
                (site / part.name).symlink_to(part)
    exported.write_images(tmp_path / 'images', 1)
    code = (
        f'import sys; sys.path.insert(0, {str(site)!r}); import mmvrec_runtime.cli as cli; '
        f'assert cli.__file__.startswith({str(site)!r}); '
        f'status = cli.main([{str(model)!r}, {str(tmp_path / "images")!r}]); '
        'heavy = {"torch", "cv2", "mmcv", "mmvrec"} & set(sys.modules); '
        'sys.exit(str(heavy) if heavy else status)'
    )
    # -I and -S: neither the environment nor the packages of this interpreter.
    done = subprocess.run(
        [sys.executable, '-I', '-S', '-c', code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith('3 images, 3 instances: ')
