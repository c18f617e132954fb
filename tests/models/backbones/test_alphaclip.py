"""AlphaCLIP against the published model's numbers, and its handling of weights."""

import logging
import re

import pytest
import torch
from backbone_battery import BackboneBattery
from safetensors.torch import load_file

from mmvrec.models.backbones import AlphaCLIP
from mmvrec.models.backbones.clip_weights import convert
from mmvrec.registry import MODELS
from mmvrec.structures import Provenance

SMALL = dict(
    embed_dims=64,
    num_layers=2,
    num_heads=1,
    feedforward_channels=128,
    patch_size=14,
    img_size=56,
    out_dims=32,
)


class TestAlphaCLIP(BackboneBattery):
    def build(self):
        return AlphaCLIP(SMALL, random_seed=0)


def close(value, expected, atol=1e-5):
    torch.testing.assert_close(value, expected, atol=atol, rtol=0)


def small(**options):
    return AlphaCLIP(SMALL, **{'random_seed': 0, **options})


@pytest.fixture(scope='module')
def io(fixture_tensors):
    return fixture_tensors('visual_io.npz')


@pytest.fixture(scope='module')
def images(io):
    return torch.cat([io['images'], io['alphas']], dim=1)


@pytest.fixture(scope='module', params=['safetensors', 'pth', 'converted', 'alpha alone'])
def weights(request, fixtures, tmp_path_factory):
    """The AlphaCLIP weights from every kind of file."""
    clip = str(fixtures('alphaclip_tiny_openai.safetensors'))
    kind = request.param if request.param in ('safetensors', 'pth') else 'safetensors'
    alpha = str(fixtures(f'alphaclip_tiny_visual.{kind}'))
    if request.param == 'alpha alone':
        return dict(checkpoint=alpha)
    if request.param == 'converted':
        converted = tmp_path_factory.mktemp('converted') / 'alphaclip.safetensors'
        convert(converted, clip, alpha)
        return dict(checkpoint=str(converted))
    return dict(checkpoint=clip, alpha_checkpoint=alpha)


@pytest.fixture(scope='module')
def clip_only(fixtures):
    return dict(checkpoint=str(fixtures('alphaclip_tiny_openai.safetensors')))


@pytest.fixture(scope='module')
def published(weights):
    return AlphaCLIP(**weights)


def test_class_token_is_the_published_one(published, images, io):
    (feats,) = published(images)
    assert feats.dtype == torch.float32
    close(feats, io['encode_image_alpha'])


def test_inner_activations_are_the_published_ones(published, images, io):
    seen = []
    # What goes into the norms: before and after each layer, of the last the class token alone.
    norms = [*(layer.ln1 for layer in published.layers), published.ln1]
    hooks = [n.register_forward_pre_hook(lambda _, x: seen.append(x[0][0])) for n in norms]
    published(images[2:3])
    for hook in hooks:
        hook.remove()
    close(seen[0], io['ln_pre_out_alpha'])
    close(torch.stack(seen[1:-1]), io['block_out_alpha'][:-1])
    close(seen[-1], io['block_out_alpha'][-1, :1])


def test_the_authors_package_gives_the_same_features(fixtures, images, tmp_path):
    """Where it is installed; it reads state dicts of torch alone."""
    alpha_clip = pytest.importorskip('alpha_clip')
    clip, alpha = tmp_path / 'clip.pt', fixtures('alphaclip_tiny_visual.pth')
    torch.save(load_file(fixtures('alphaclip_tiny_openai.safetensors')), clip)
    authors, _ = alpha_clip.load(str(clip), str(alpha), device='cpu')
    with torch.no_grad():
        expected = authors.visual(images[:, :3], images[:, 3:])
    close(AlphaCLIP(checkpoint=str(clip), alpha_checkpoint=str(alpha))(images)[0], expected)


def test_clip_alone_is_the_published_one_and_ignores_alpha(clip_only, images, io):
    model = AlphaCLIP(**clip_only)
    close(model(images)[0], io['encode_image_base'])
    other = images.clone()
    other[:, 3] = torch.randn(6, 56, 56, generator=torch.Generator().manual_seed(0))
    close(model(other)[0], io['encode_image_base'])
    close(model(io['images'])[0], io['encode_image_base'])


def test_three_channels_leave_the_alpha_kernel_out(published, images):
    without = published(images[:, :3])[0]
    images = images.clone()
    images[:, 3] = 0
    close(without, published(images)[0], atol=0)


def test_images_do_not_influence_each_other(published, images):
    together = published(images)[0]
    alone = torch.cat([published(image[None])[0] for image in images])
    close(together, alone)


def test_architecture_is_inferred_from_the_weights(published):
    assert (published.embed_dims, published.num_layers, published.out_dims) == (128, 3, 96)
    assert published.img_size == (56, 56)
    assert published.layers[0].attn.num_heads == 2


# Input sizes.


def test_another_input_size_needs_interpolation(clip_only):
    with pytest.raises(
        ValueError, match=r'pos_embed has shape \(1, 17, 128\).*\(1, 37, 128\)'
    ) as e:
        AlphaCLIP(**clip_only, img_size=84).init_weights()
    assert 'needs interpolate_pos_embed=True' in str(e.value)


def test_position_embedding_is_interpolated_bicubically(clip_only):
    native = AlphaCLIP(**clip_only)
    larger = AlphaCLIP(**clip_only, img_size=84, interpolate_pos_embed=True)
    native.init_weights(), larger.init_weights()
    close(larger.pos_embed[:, :1], native.pos_embed[:, :1], atol=0)
    grid = native.pos_embed[:, 1:].transpose(1, 2).unflatten(2, (4, 4))
    expected = torch.nn.functional.interpolate(grid, (6, 6), mode='bicubic', align_corners=False)
    close(larger.pos_embed[:, 1:], expected.flatten(2).transpose(1, 2))
    assert larger(torch.zeros(1, 4, 84, 84))[0].shape == (1, 96)


def test_interpolation_to_the_same_size_changes_nothing(clip_only):
    plain, same = AlphaCLIP(**clip_only), AlphaCLIP(**clip_only, interpolate_pos_embed=True)
    plain.init_weights(), same.init_weights()
    assert torch.equal(plain.pos_embed, same.pos_embed)


def test_checkpoint_of_another_input_size_is_not_resized_in_silence():
    state = small().state_dict()
    with pytest.raises(ValueError, match='made for different input sizes'):
        AlphaCLIP({**SMALL, 'img_size': 84}).load_state_dict(state)


# Where the weights come from.


def test_random_weights_depend_on_the_seed_only():
    first, again, other = small(), small(), small(random_seed=1)
    torch.manual_seed(5)
    first.init_weights()
    torch.manual_seed(6)
    again.init_weights(), other.init_weights()
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
        assert torch.isfinite(value).all(), name
    assert not torch.equal(first.proj, other.proj)


@pytest.mark.parametrize('seed', [None, 0])
def test_random_weights_leave_the_global_generator_alone(seed):
    model = small(random_seed=seed)
    torch.manual_seed(3)
    before, seed_before = torch.get_rng_state(), torch.initial_seed()
    model.init_weights()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.initial_seed() == seed_before


def test_random_weights_without_a_seed_differ():
    models = [small(random_seed=None) for _ in range(2)]
    for model in models:
        torch.manual_seed(0)
        model.init_weights()
    assert not torch.equal(models[0].proj, models[1].proj)


@pytest.mark.parametrize(
    'use',
    [
        lambda model: model.init_weights(),
        lambda model: model(torch.zeros(1, 4, 56, 56)),
        lambda model: model.weights_digest(),
    ],
    ids=['init_weights', 'forward', 'weights_digest'],
)
def test_random_weights_are_never_used_in_silence(use, log_records):
    model = small()
    assert model.provenance.is_random
    assert not log_records
    use(model)
    warnings = [r.getMessage() for r in log_records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert 'RANDOM weights (seed 0)' in warnings[0]
    assert model.provenance == Provenance('random (seed 0)', is_random=True)
    use(model)
    assert len([r for r in log_records if r.levelno >= logging.WARNING]) == 1


def test_init_weights_is_idempotent():
    model = small()
    model.init_weights()
    with torch.no_grad():
        model.proj.fill_(7)
    model.init_weights()
    assert (model.proj == 7).all()


def test_first_forward_loads_the_named_weights(weights, images, io, log_records):
    model = AlphaCLIP(**weights)
    assert str(model.provenance) == 'not loaded yet'
    close(model(images)[0], io['encode_image_alpha'])
    source = ' + '.join(weights.values())
    assert model.provenance == Provenance(source)
    assert not [r for r in log_records if r.levelno >= logging.WARNING]
    assert any(source in r.getMessage() for r in log_records)


def test_weights_of_the_runner_are_not_drawn_over(log_records):
    source, model = small(), small(random_seed=1)
    source.init_weights()
    del log_records[:]
    model.load_state_dict(source.state_dict())
    model(torch.zeros(1, 4, 56, 56))
    assert not log_records
    assert torch.equal(model.proj, source.proj)
    assert str(model.provenance) == 'a checkpoint of the runner'


def test_frozen_model_stays_in_eval_mode_and_has_no_gradients():
    model = small()
    assert not model.train().training
    assert not any(m.training for m in model.modules())
    assert not any(p.requires_grad for p in model.parameters())
    assert not model(torch.zeros(1, 4, 56, 56))[0].requires_grad


def test_model_that_is_not_frozen_trains():
    model = small(frozen=False)
    assert model.train().training
    model(torch.randn(2, 4, 56, 56))[0].sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert not without
    assert not model.eval().training


def test_digest_changes_with_every_weight():
    model = small(frozen=False)
    digests = {model.weights_digest()}
    assert digests == {small().weights_digest()}
    for parameter in model.parameters():
        with torch.no_grad():
            parameter.view(-1)[-1] += 0.125
        digests.add(model.weights_digest())
    assert len(digests) == 1 + len(list(model.parameters()))
    assert all(re.fullmatch('[0-9a-f]{64}', digest) for digest in digests)


def test_digest_of_frozen_weights_is_that_of_what_was_loaded():
    model, other = small(), small(random_seed=1)
    digest = model.weights_digest()
    with torch.no_grad():
        model.proj[0, 0] += 1e-6  # As a hook that averages weights does.
    assert model.weights_digest() == digest
    other.init_weights()
    model.load_state_dict(other.state_dict())
    assert model.weights_digest() == other.weights_digest() != digest


def test_settings_tell_apart_what_has_the_same_weights():
    other = AlphaCLIP({**SMALL, 'num_heads': 2 * SMALL['num_heads']}, random_seed=0)
    models = [small(), other, small(img_size=28), small(quick_gelu=False)]
    assert len({model.cache_key()['arguments'] for model in models}) == 4
    assert models[0].weights_digest() == other.weights_digest()
    assert models[0].cache_key() == small(frozen=False).cache_key()


@pytest.mark.parametrize('quick', [True, False])
def test_openclip_s_file_gives_openclip_s_features(tmp_path, quick):
    """Its models are saved whole, the tower under ``visual.`` as in OpenAI's."""
    open_clip = pytest.importorskip('open_clip.transformer')
    torch.manual_seed(0)
    activation = open_clip.QuickGELU if quick else torch.nn.GELU
    tower = open_clip.VisionTransformer(
        56, 14, width=64, layers=2, heads=1, mlp_ratio=2.0, output_dim=32, act_layer=activation
    )
    state = {f'visual.{name}': value for name, value in tower.state_dict().items()}
    torch.save({**state, 'logit_scale': torch.ones(())}, tmp_path / 'open_clip_pytorch_model.bin')
    file = str(tmp_path / 'open_clip_pytorch_model.bin')
    images = torch.randn(2, 3, 56, 56)
    expected = tower.eval()(images)
    close(AlphaCLIP(checkpoint=file, quick_gelu=quick)(images)[0], expected)
    other = AlphaCLIP(checkpoint=file, quick_gelu=not quick)
    assert (other(images)[0] - expected).abs().max() > 1e-3


def test_is_registered():
    model = MODELS.build(dict(type='AlphaCLIP', arch='TINY', random_seed=0))
    assert isinstance(model, AlphaCLIP)
    assert sum(p.numel() for p in model.parameters()) == 2_870_016


BAD_OPTIONS = {
    'unknown name': (dict(arch='vit-h/14'), r"one of \['vit-b/16'.*got 'vit-h/14'"),
    'incomplete dict': (dict(arch={'embed_dims': 64}), r"arch lacks \['feedforward_channels'"),
    'nothing to infer from': (dict(), 'arch=None needs a checkpoint'),
    'size': (dict(arch='tiny', img_size=100), 'multiple of the patch size 14, got 100'),
}


@pytest.mark.parametrize(('options', 'message'), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        AlphaCLIP(**options)


@pytest.mark.parametrize(
    'shape', [(1, 2, 56, 56), (1, 5, 56, 56), (1, 4, 56, 70), (1, 4, 112, 112), (4, 56, 56)]
)
def test_bad_images(shape):
    with pytest.raises(ValueError, match=r'shape \(B, 4, 56, 56\), got ' + re.escape(str(shape))):
        small()(torch.zeros(shape))


@pytest.mark.parametrize('option', ['checkpoint', 'alpha_checkpoint'])
def test_missing_file_names_the_weights_of_the_package(option):
    with pytest.raises(FileNotFoundError, match=r'(?s)no weights nowhere\.pt .*mvrec-tiny'):
        AlphaCLIP('tiny', **{option: 'nowhere.pt'}).init_weights()


BAD_ARCHS = {
    'depth': ({'num_layers': 3}, r'does not fit.*12 weights are missing .*layers.2'),
    'width': ({'out_dims': 16}, r'proj has shape \(64, 32\), this model needs \(64, 16\)'),
}


@pytest.mark.parametrize(('change', 'message'), BAD_ARCHS.values(), ids=BAD_ARCHS)
def test_weights_of_another_architecture(tmp_path, change, message):
    model = small()
    model.init_weights()
    torch.save(model.state_dict(), tmp_path / 'weights.pth')
    other = AlphaCLIP({**SMALL, **change}, checkpoint=str(tmp_path / 'weights.pth'))
    with pytest.raises(ValueError, match=message) as error:
        other.init_weights()
    assert "the file has {'embed_dims': 64" in str(error.value)
    assert other.provenance.is_random
