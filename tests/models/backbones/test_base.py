"""The contract of backbones, on one of the user's own."""

import pytest
import torch
from backbone_battery import BackboneBattery
from torch import nn

from mmvrec.models.backbones import ViewBackbone

MEAN = (0.48145466, 0.4578275, 0.40821073, 0.5)
STD = (0.26862954, 0.26130258, 0.27577711, 0.26)


class MaskPooled(ViewBackbone):
    """A convolution, pooled under the mask: as short as a backbone can be."""

    out_dims = 8
    input_size = None

    def __init__(self, kernel: int = 3, mean=MEAN, std=STD):
        super().__init__()
        self.normalise_by(mean, std)
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, self.out_dims, kernel, padding=kernel // 2)

    def forward(self, x):
        mask = (x[:, 3:] > 0).float() if x.shape[1] == 4 else torch.ones_like(x[:, :1])
        feats = self.conv(x[:, :3]).tanh() * mask
        return (feats.sum((2, 3)) / mask.sum((2, 3)).clamp(min=1),)


class TestMaskPooled(BackboneBattery):
    def build(self):
        return MaskPooled()


class Pixels(ViewBackbone):
    out_dims = 4

    def __init__(self, **normalisation):
        super().__init__()
        if normalisation:
            self.normalise_by(**normalisation)

    def forward(self, x):
        return (x[:, :, 1, 1],)


@pytest.mark.parametrize('channel', range(4))
@pytest.mark.parametrize('pixel', [0, 1, 128, 255])
def test_normalisation_by_hand(channel, pixel):
    feats = Pixels().embed(torch.full((1, 4, 2, 2), float(pixel)))
    expected = (pixel / 255 - MEAN[channel]) / STD[channel]
    assert feats[0, channel].item() == pytest.approx(expected, abs=1e-6)


def test_normalisation_is_that_of_the_published_model(fixture_tensors):
    io = fixture_tensors('visual_io.npz')
    expected = torch.cat([io['images'], io['alphas']], dim=1)
    scale = 255 * torch.tensor(STD).view(4, 1, 1)
    pixels = (expected * scale + 255 * torch.tensor(MEAN).view(4, 1, 1)).round()
    feats = Pixels().embed(pixels)
    torch.testing.assert_close(feats, expected[:, :, 1, 1], atol=1e-6, rtol=1e-6)


def test_three_channels_are_normalised_as_the_first_of_four():
    views = torch.arange(16.0).view(1, 4, 2, 2)
    assert torch.equal(Pixels().embed(views[:, :3]), Pixels().embed(views)[:, :3])


def test_normalisation_is_no_part_of_checkpoints():
    assert not Pixels().state_dict()


def test_arguments_are_told_apart():
    keys = [
        MaskPooled(**arguments).cache_key()['arguments']
        for arguments in ({}, {'kernel': 3}, {'kernel': 5}, {'mean': (0.5,) * 4})
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


BAD_OPTIONS = {
    'three means': dict(mean=(0.5, 0.5, 0.5), std=STD),
    'five deviations': dict(mean=MEAN, std=(0.5,) * 5),
    'zero deviation': dict(mean=MEAN, std=(0.5, 0.5, 0.5, 0)),
    'negative deviation': dict(mean=MEAN, std=(0.5, 0.5, -0.5, 0.5)),
    'nothing': dict(mean=(), std=STD),
}


@pytest.mark.parametrize('options', BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options(options):
    with pytest.raises(ValueError, match=r'four values \(R, G, B, alpha\)'):
        Pixels(**options)
