"""A backbone in bfloat16 beside the one that it was made of."""

from copy import deepcopy

import pytest
import torch

from mmvrec.models import MVRECClassifier
from mmvrec.models.backbones.precision import resolve_precision

BACKBONE = dict(
    type='AlphaCLIP',
    arch=dict(
        embed_dims=64,
        num_layers=2,
        num_heads=1,
        feedforward_channels=128,
        patch_size=14,
        img_size=28,
        out_dims=16,
    ),
    random_seed=0,
)
CPU = torch.device('cpu')


def model(**options) -> MVRECClassifier:
    return MVRECClassifier(backbone=BACKBONE, head=dict(type='ZipAdapterHead'), **options).eval()


def pixels(count=5, seed=0, size=28):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (1, count, 4, size, size), generator=generator).float()


def relative_error(feats, expected):
    return ((feats - expected).norm() / expected.norm()).item()


@torch.no_grad()
def test_features_are_within_the_rounding_of_bfloat16():
    expected = model()(pixels())
    feats = model(precision='bf16')(pixels())
    assert feats.dtype == torch.float32
    # Its unit of rounding is 2 to the power of -8; zero would mean that it was not used.
    assert 1e-4 < relative_error(feats, expected) < 2e-2


@torch.no_grad()
def test_pixels_are_normalised_before_they_are_rounded():
    exact, low = model(), model(precision='bf16')
    low(pixels())
    embedder = low._embedder(low.backbone)
    assert torch.equal(embedder.eager.mean, exact.backbone.mean)
    assert torch.equal(embedder.eager.std, exact.backbone.std)
    assert embedder.eager.mean.dtype == torch.float32


@torch.no_grad()
def test_the_backbone_itself_stays_as_it_is():
    low = model(precision='bf16')
    digest = low.backbone.weights_digest()
    low(pixels())
    assert {p.dtype for p in low.parameters()} == {torch.float32}
    assert set(low.state_dict()) == set(model().state_dict())
    assert low.backbone.weights_digest() == digest == model().backbone.weights_digest()


@torch.no_grad()
def test_loaded_weights_are_taken_over():
    low = model(precision='bf16')
    first = low(pixels())
    other = MVRECClassifier(
        backbone={**BACKBONE, 'random_seed': 1}, head=dict(type='ZipAdapterHead')
    ).eval()
    expected = other(pixels())
    low.load_state_dict(other.state_dict())
    assert relative_error(low(pixels()), expected) < 2e-2 < relative_error(first, expected)


@torch.no_grad()
def test_copies_are_made_once():
    low = model(precision='bf16')
    low(pixels())
    embedder = low._embedder(low.backbone)
    low(pixels(seed=1))
    assert low._embedder(low.backbone) is embedder


@torch.no_grad()
def test_full_calls_and_the_rest_go_separate_ways():
    low = model(precision='bf16', views_per_forward=4)
    embedder = low._embedder(low.backbone)
    sizes = {'full': [], 'eager': []}

    def counting(name):
        copy = deepcopy(embedder.eager)
        copy.register_forward_hook(lambda _module, x, _out: sizes[name].append(len(x[0])))
        return copy

    embedder.full, embedder.eager = counting('full'), counting('eager')
    low(pixels(11))
    assert sizes == {'full': [4, 4], 'eager': [3]}


FUSED = dict(
    type='FusedBackbone',
    members=[
        BACKBONE,
        dict(
            type='TimmRegion',
            model='resnet18',
            pooling=['mask', 'ring'],
            layers=[1, 2],
            img_size=32,
            random_seed=0,
        ),
        dict(type='TimmRegion', model='vit_tiny_patch16_224', pooling=['mask', 'cls'], img_size=32),
    ],
    weights=[1.0, 2.0, 0.5],
)


@torch.no_grad()
def test_parts_of_a_fused_backbone_have_copies_of_their_own():
    low = MVRECClassifier(
        backbone=FUSED, head=dict(type='ZipAdapterHead'), precision='bf16', views_per_forward=2
    ).eval()
    views = pixels(size=32)
    feats, expected = low(views), low.backbone.embed(views[0])[None]
    assert 1e-4 < relative_error(feats, expected) < 2e-2
    members = [low.extract_feat(views, [part]) for part in low.backbone.parts()]
    torch.testing.assert_close(low.backbone.join(members), feats, rtol=0, atol=1e-6)
    copy = low.backbone.in_dtype(torch.bfloat16)
    assert {p.dtype for p in copy.parameters()} == {torch.bfloat16}
    assert {b.mean.dtype for b in (copy, *copy.members)} == {torch.float32}
    assert 1e-4 < relative_error(copy.embed(views[0])[None], expected) < 2e-2


def test_models_with_such_a_copy_can_be_copied():
    low = model(precision='bf16')
    with torch.no_grad():
        assert torch.equal(deepcopy(low)(pixels()), low(pixels()))


@pytest.mark.parametrize(
    ('capabilities', 'expected'),
    [
        ({'amx_bf16': True, 'avx512_bf16': True}, 'bf16'),
        ({'avx512_bf16': True}, 'fp32'),
        ({}, 'fp32'),
    ],
)
@torch.no_grad()
def test_auto_on_a_cpu_is_what_it_has_units_for(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: capabilities, raising=False)
    assert resolve_precision('auto', CPU) == expected
    feats = model(precision='auto')(pixels())
    assert torch.equal(feats, model(precision=expected)(pixels()))
    assert torch.equal(feats, model()(pixels())) == (expected == 'fp32')


def test_auto_with_a_torch_that_does_not_tell(monkeypatch):
    monkeypatch.delattr(torch.cpu, 'get_capabilities', raising=False)
    assert resolve_precision('auto', CPU) == 'fp32'


def test_auto_elsewhere_is_float32():
    assert resolve_precision('auto', torch.device('mps')) == 'fp32'


@pytest.mark.parametrize(
    ('capability', 'expected'), [((7, 5), 'fp32'), ((8, 0), 'bf16'), ((9, 0), 'bf16')]
)
def test_auto_on_a_gpu(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: capability)
    assert resolve_precision('auto', torch.device('cuda')) == expected
    assert resolve_precision('fp32', torch.device('cuda')) == 'fp32'


BAD = {
    'unknown': (dict(precision='fp16'), r"precision must be one of .* got 'fp16'"),
    'trained': (
        dict(precision='bf16', backbone={**BACKBONE, 'frozen': False}),
        "precision='bf16' needs a frozen backbone",
    ),
}


@pytest.mark.parametrize(('options', 'message'), BAD.values(), ids=BAD)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        MVRECClassifier(**{'backbone': BACKBONE, 'head': dict(type='ZipAdapterHead'), **options})
