"""Weights of other packages: found without running these, and checked."""

from importlib.metadata import PackageNotFoundError

import pytest

from mmvrec.utils.files import sha256_file
from mmvrec.weights import packaged
from mmvrec.weights.packaged import PACKAGED, packaged_file

NAMES = pytest.mark.parametrize('name', PACKAGED)


class Folder:
    """An installed package in a folder of the test."""

    def __init__(self, folder):
        self.folder = folder

    def locate_file(self, name):
        return self.folder / name


@NAMES
def test_file_is_the_pinned_one(name):
    assert sha256_file(packaged_file(name)) == PACKAGED[name].sha256


@NAMES
def test_package_that_is_not_there_is_named(name, monkeypatch):
    def missing(_):
        raise PackageNotFoundError

    monkeypatch.setattr(packaged, 'distribution', missing)
    with pytest.raises(FileNotFoundError, match=f'pip install {name}==0.1.0'):
        packaged_file(name)


@NAMES
def test_altered_or_missing_file_is_refused(name, tmp_path, monkeypatch):
    file = tmp_path / PACKAGED[name].file
    file.parent.mkdir(parents=True)
    content = bytearray(packaged_file(name).read_bytes())
    content[1000] ^= 1
    monkeypatch.setattr(packaged, 'distribution', lambda _: Folder(tmp_path))
    with pytest.raises(FileNotFoundError, match='pip install'):
        packaged_file(name)
    file.write_bytes(content)
    with pytest.raises(ValueError, match='its SHA-256 is wrong'):
        packaged_file(name)
