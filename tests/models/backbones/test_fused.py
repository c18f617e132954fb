"""Several backbones on the same views are each of them, side by side."""

import pytest
import torch
import torch.nn.functional as F
from backbone_battery import BackboneBattery

from mmvrec.models.backbones import FusedBackbone, ViewBackbone
from mmvrec.models.backbones.region_pooling import area_resize
from mmvrec.registry import MODELS

CNN = dict(type='TimmRegion', model='test_efficientnet.r160_in1k', random_seed=0)
SMALL = dict(
    embed_dims=64, num_layers=2, num_heads=1, feedforward_channels=128, patch_size=14,
    img_size=56, out_dims=32,
)  # fmt: skip
CLIP = dict(type='AlphaCLIP', arch=SMALL, random_seed=0)


def build(side=84, weights=None):
    return FusedBackbone([CLIP, {**CNN, 'img_size': side}], weights)


class TestFused(BackboneBattery):
    def build(self):
        return build(56)


class TestFusedOfTwoSizes(BackboneBattery):
    def build(self):
        return build(84, (2.0, 0.5))


def views(side, seed=0):
    return torch.rand(3, 4, side, side, generator=torch.Generator().manual_seed(seed)) * 255


@torch.no_grad()
def test_feature_is_those_of_the_members_of_length_1_times_their_weights():
    fused = build(56, (2.0, 0.5))
    alone = [MODELS.build(dict(m)) for m in (CLIP, {**CNN, 'img_size': 56})]
    parts = [F.normalize(member.embed(views(56)), dim=1) for member in alone]
    expected = torch.cat([2.0 * parts[0], 0.5 * parts[1]], dim=1)
    assert fused.out_dims == expected.shape[1]
    assert torch.equal(fused.embed(views(56)), expected)


@torch.no_grad()
def test_views_are_of_the_largest_size_and_shrunk_for_the_others():
    fused = build(84)
    assert fused.input_size == 84
    clip = MODELS.build(dict(CLIP))
    shrunk = clip.embed(area_resize(views(84), 56, 56))
    feats = fused.embed(views(84))
    torch.testing.assert_close(feats[:, :32], F.normalize(shrunk, dim=1), atol=1e-6, rtol=0)


@torch.no_grad()
def test_forward_takes_views_from_0_to_1():
    fused = build(56)
    expected = fused.embed(views(56))
    torch.testing.assert_close(fused(views(56) / 255)[0], expected, atol=1e-5, rtol=0)


def test_backbones_alone_do_not_shrink_views():
    with pytest.raises(ValueError, match='needs images of shape'):
        MODELS.build(dict(CLIP)).embed(views(84))


@torch.no_grad()
def test_joined_parts_are_the_feature():
    fused = build(84)
    parts = [part.embed(views(84)) for part in fused.parts()]
    assert [part.shape[1] for part in parts] == [part.out_dims for part in fused.parts()]
    assert torch.equal(fused.join(parts), fused.embed(views(84)))


def test_weights_are_no_matter_of_the_parts():
    keys = [[p.cache_key() for p in build(84, weights).parts()] for weights in (None, (1.0, 3.0))]
    assert keys[0] == keys[1]
    assert build(84).cache_key() != build(84, (1.0, 3.0)).cache_key()


def test_provenance_names_all_members():
    fused = FusedBackbone(
        [
            dict(type='AlphaCLIP', arch='tiny', checkpoint='mvrec-tiny'),
            dict(CNN, img_size=112),
        ]
    )
    fused.init_weights()
    source = 'mvrec-tiny + test_efficientnet.r160_in1k, random (seed 0)'
    assert fused.provenance.source == source
    assert fused.provenance.licence == 'Apache-2.0'
    assert fused.provenance.is_random


class Any(ViewBackbone):
    out_dims = 2

    def forward(self, x):
        return (x.mean((2, 3))[:, :2],)


def test_members_of_any_size_take_views_as_they_are(monkeypatch):
    monkeypatch.setitem(MODELS.module_dict, 'Any', Any)
    fused = FusedBackbone([dict(type='Any'), dict(type='Any')])
    assert fused.input_size is None
    assert fused.embed(views(10)).shape == (3, 4)


@pytest.mark.parametrize(
    ('members', 'weights'), [([], None), ([CLIP], (1, 2)), ([CLIP, CNN], (1, 0))]
)
def test_bad_options_are_refused(members, weights):
    with pytest.raises(ValueError, match='one or more, with a positive weight each'):
        FusedBackbone(members, weights)
