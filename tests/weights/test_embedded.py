"""The weights that come with the package."""

import shutil

import pytest
import torch

from mmvrec.models.backbones import AlphaCLIP
from mmvrec.models.backbones.checkpoints import read_weights
from mmvrec.models.backbones.clip_weights import load_backbone_weights
from mmvrec.structures import Provenance
from mmvrec.weights import embedded
from mmvrec.weights.embedded import EMBEDDED, embedded_file
from projects.tiny_alphaclip.tools.mask_sensitivity import build_model, cosines, draw, features

NAMES = pytest.mark.parametrize('name', EMBEDDED)


@NAMES
def test_weights_are_small_half_precision_and_fit(name):
    path = embedded_file(name)
    assert path.stat().st_size <= 8_000_000
    tensors, _ = read_weights(path)
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    model = AlphaCLIP(arch='tiny', checkpoint=name)
    model.init_weights()
    assert model.provenance == Provenance(name, licence='Apache-2.0')
    for key, value in model.state_dict().items():
        assert torch.equal(value, tensors[key].float())


@NAMES
def test_architecture_is_read_off_the_weights(name):
    assert AlphaCLIP(checkpoint=name).embed_dims == AlphaCLIP.ARCHS['tiny']['embed_dims']


@NAMES
def test_altered_or_missing_weights_are_refused(name, tmp_path, monkeypatch):
    copy = tmp_path / f'{name}.safetensors'
    shutil.copy(embedded_file(name), copy)
    monkeypatch.setattr(embedded, 'WEIGHTS', tmp_path)
    assert embedded_file(name) == copy
    content = bytearray(copy.read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)
    with pytest.raises(ValueError, match='damaged, its SHA-256 is wrong'):
        load_backbone_weights(name)
    copy.unlink()
    with pytest.raises(FileNotFoundError, match='install the package again'):
        load_backbone_weights(name)


@NAMES
def test_features_are_of_the_region(name):
    """The same pixels under another mask differ more than other pixels under the same mask."""
    model = build_model(name)
    measured = [cosines(*features(model, *draw(index))) for index in range(4)]
    other_mask, same_mask = zip(*measured, strict=True)
    assert sum(other_mask) / 4 < 0.85 < sum(same_mask) / 4
