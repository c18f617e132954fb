"""A wheel built from the source carries configs and tools, and finds them from anywhere."""

import subprocess
import sys
import zipfile
from pathlib import Path

import modelindex
import pytest

REPO = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    tracked = subprocess.run(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard'],
        cwd=REPO, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in tracked:
        if (REPO / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((REPO / name).read_bytes())
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--no-build-isolation',
         '--wheel-dir', str(folder), str(source)],
        check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob('*.whl')
    return built


def files_under(folder: str, pattern: str) -> set[str]:
    return {str(p.relative_to(REPO)) for p in (REPO / folder).rglob(pattern)}


def test_wheel_carries_every_config_tool_and_the_index(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = files_under('configs', '*.py') | files_under('tools', '*.py') | {'model-index.yml'}
    expected |= files_under('configs', '*.yml') | files_under('configs', '*.md')
    assert len(expected) > 40
    assert {f'mmvrec/.mim/{name}' for name in expected} <= names


def test_model_index_of_the_wheel_is_whole(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    index = modelindex.load(str(tmp_path / 'mmvrec' / '.mim' / 'model-index.yml'))
    assert index.check(silent=True) == []
    models = list(index.models)
    assert models
    for model in models:
        assert (tmp_path / 'mmvrec' / '.mim' / model.config).is_file()
        assert list((tmp_path / model.weights).glob('*.safetensors'))


def test_wheel_carries_every_module_and_no_test_or_page(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert files_under('mmvrec', '*.py') - files_under('mmvrec/.mim', '*') <= names
    assert files_under('mmvrec/weights', '*') <= names
    assert not [n for n in names if n.startswith(('tests/', 'docs/'))]


def test_installed_wheel_finds_its_configs_from_another_folder(wheel, tmp_path):
    target = tmp_path / 'site'
    subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', str(target),
         str(wheel)],
        check=True, capture_output=True,
    )  # fmt: skip
    code = (
        'import mmvrec; from mmvrec.utils.resources import config_file, tool_file; '
        'print(mmvrec.__file__); print(config_file("mvrec/zipa_5shot_mvtecfs.py")); '
        'print(tool_file("test.py"))'
    )
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], cwd=tmp_path, text=True,
        env={'PYTHONPATH': str(target)}, capture_output=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()[-3:]
    assert all(line.startswith(str(target)) for line in lines), lines
