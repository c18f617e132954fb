"""The exported file, and a folder of images."""

import exported
import pytest


@pytest.fixture
def model(tmp_path):
    path = tmp_path / 'm.onnx'
    path.write_bytes(exported.content())
    return path


@pytest.fixture
def images(tmp_path):
    exported.write_images(tmp_path / 'images')
    return tmp_path / 'images'
