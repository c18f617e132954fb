"""Recognising, renaming and converting of CLIP's and AlphaCLIP's weights."""

import json
import os
import re

import pytest
import torch
from clip_files import (
    GRID,
    LAYERS,
    OUT,
    PATCH,
    WIDTH,
    alpha_state,
    assert_equal,
    clip_state,
    save_legacy,
    save_torchscript,
)
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mmvrec.models.backbones import AlphaCLIP
from mmvrec.models.backbones.checkpoints import read_weights
from mmvrec.models.backbones.clip_weights import (
    convert,
    infer_arch,
    load_backbone_weights,
    to_backbone_names,
    weights_layout,
)
from mmvrec.utils.files import sha256_file

ARCH = dict(
    embed_dims=WIDTH,
    num_layers=LAYERS,
    num_heads=1,
    feedforward_channels=4 * WIDTH,
    patch_size=PATCH,
    img_size=PATCH * GRID,
    out_dims=OUT,
)
ARCH_NAMES = {
    'ViT-B/16': 'vit-b/16',
    'ViT-L/14': 'vit-l/14',
    'ViT-L/14@336px': 'vit-l/14@336px',
}


def test_torchscript_archive_of_the_published_weights_equals_the_state_dict(fixtures, tmp_path):
    published = fixtures('alphaclip_tiny_openai.safetensors')
    save_torchscript(load_file(published), tmp_path / 'clip.pt')
    loaded = torch.jit.load(tmp_path / 'clip.pt').state_dict()
    assert_equal(read_weights(tmp_path / 'clip.pt')[0], loaded)
    assert_equal(load_backbone_weights(tmp_path / 'clip.pt'), load_backbone_weights(published))


def test_visual_checkpoints_of_both_file_types_are_equal_to_the_fixture(fixtures):
    both = [
        load_backbone_weights(None, fixtures(f'alphaclip_tiny_visual.{kind}'))
        for kind in ('safetensors', 'pth')
    ]
    assert_equal(both[0], both[1])


@pytest.mark.parametrize(
    ('state', 'layout'),
    [
        (clip_state(), 'openai'),
        (alpha_state(), 'alphaclip'),
        (to_backbone_names(clip_state()), 'mmvrec'),
    ],
)
def test_layout_is_recognised(state, layout):
    assert weights_layout(state) == layout


def test_clip_gets_a_zero_alpha_kernel():
    kernel = to_backbone_names(clip_state())['patch_embed.projection.weight']
    assert torch.equal(kernel[:, :3], clip_state()['visual.conv1.weight'])
    assert not kernel[:, 3].any()


def test_alpha_kernel_becomes_the_fourth_channel():
    kernel = to_backbone_names(alpha_state())['patch_embed.projection.weight']
    assert torch.equal(kernel[:, :3], alpha_state()['conv1.weight'])
    assert torch.equal(kernel[:, 3:], alpha_state()['conv1_alpha.weight'])


def test_renaming_is_done_once_and_leaves_the_input_alone():
    state = alpha_state()
    renamed = to_backbone_names(state)
    assert_equal(to_backbone_names(renamed), renamed)
    assert_equal(state, alpha_state())


def test_half_precision_becomes_float32():
    state = {name: value.half() for name, value in clip_state().items()}
    assert {v.dtype for v in to_backbone_names(state).values()} == {torch.float32}


@pytest.mark.parametrize('state', [clip_state(), alpha_state()], ids=['openai', 'alphaclip'])
def test_names_and_architecture_fit_the_backbone(state):
    renamed = to_backbone_names(state)
    assert infer_arch(renamed) == ARCH
    AlphaCLIP(ARCH).load_state_dict(renamed, strict=True)


def test_alpha_checkpoint_replaces_the_whole_tower(tmp_path):
    torch.save(clip_state(0), tmp_path / 'clip.pth')
    torch.save(alpha_state(1), tmp_path / 'alpha.pth')
    merged = load_backbone_weights(tmp_path / 'clip.pth', tmp_path / 'alpha.pth')
    assert_equal(merged, to_backbone_names(alpha_state(1)))


@pytest.mark.parametrize('published', ARCH_NAMES)
@pytest.mark.parametrize('layout', ['openai_state_dict', 'alphaclip_visual'])
def test_published_models_fit_by_name_and_shape(fixtures, published, layout):
    record = json.loads(fixtures('vit_l14_shapes.json').read_text())[published]
    state = {n: torch.empty(s, device='meta') for n, (s, _) in record[layout].items()}
    renamed = to_backbone_names(state)
    with torch.device('meta'):
        model = AlphaCLIP(ARCH_NAMES[published])
    shapes = {name: tuple(value.shape) for name, value in renamed.items()}
    assert shapes == {n: tuple(v.shape) for n, v in model.state_dict().items()}
    assert infer_arch(renamed) == AlphaCLIP.ARCHS[ARCH_NAMES[published]]


@pytest.mark.parametrize(
    ('published', 'clip', 'alpha_clip'),
    [
        ('ViT-B/16', 86_192_640, 86_389_248),
        ('ViT-L/14', 303_966_208, 304_166_912),
        ('ViT-L/14@336px', 304_293_888, 304_494_592),
    ],
)
def test_parameter_counts_are_the_published_ones(fixtures, published, clip, alpha_clip):
    record = json.loads(fixtures('vit_l14_shapes.json').read_text())[published]
    counts = (record['openai_visual_params'], record['alphaclip_visual_num_params'])
    assert counts == (clip, alpha_clip)
    with torch.device('meta'):
        model = AlphaCLIP(ARCH_NAMES[published])
    assert sum(p.numel() for p in model.parameters()) == alpha_clip
    assert alpha_clip - model.patch_embed.projection.weight[:, 3].numel() == clip


# Conversion.


def test_converted_file_holds_weights_architecture_and_sources(tmp_path):
    torch.save(clip_state(), tmp_path / 'clip.pth')
    torch.save(alpha_state(), tmp_path / 'alpha.pth')
    out = tmp_path / 'new' / 'converted.safetensors'
    info = convert(out, tmp_path / 'clip.pth', tmp_path / 'alpha.pth')
    with safe_open(out, framework='pt') as file:
        metadata = file.metadata()
    assert metadata['format'] == 'mmvrec-alphaclip'
    assert json.loads(metadata['info']) == info
    assert (info['version'], info['arch']) == (1, ARCH)
    assert info['sources'] == [
        {
            'file': name,
            'bytes': (tmp_path / name).stat().st_size,
            'sha256': sha256_file(tmp_path / name),
        }
        for name in ('clip.pth', 'alpha.pth')
    ]
    assert [file.name for file in out.parent.iterdir()] == [out.name]
    assert_equal(load_backbone_weights(out), to_backbone_names(alpha_state()))


def test_converting_a_converted_file_changes_nothing(tmp_path):
    save_file(alpha_state(), tmp_path / 'a.safetensors')
    convert(tmp_path / 'b.safetensors', None, tmp_path / 'a.safetensors')
    convert(tmp_path / 'c.safetensors', tmp_path / 'b.safetensors')
    states = [load_backbone_weights(tmp_path / f'{n}.safetensors') for n in 'abc']
    assert_equal(states[1], states[0])
    assert_equal(states[2], states[0])


@pytest.mark.parametrize(
    ('out', 'sources'), [('a.pth', ['clip.pth']), ('a', ['clip.pth']), ('a.safetensors', [None])]
)
def test_conversion_needs_a_source_and_a_safetensors_output(tmp_path, out, sources):
    with pytest.raises(ValueError, match=r'at least one source and an output in \.safetensors'):
        convert(tmp_path / out, *sources)
    assert not (tmp_path / out).exists()


def test_failed_conversion_leaves_no_file(tmp_path):
    torch.save({'fc.weight': torch.zeros(3)}, tmp_path / 'resnet.pth')
    with pytest.raises(ValueError, match='neither CLIP nor AlphaCLIP'):
        convert(tmp_path / 'out.safetensors', tmp_path / 'resnet.pth')
    assert not (tmp_path / 'out.safetensors').exists()


# Bad files.


class Command:
    """Runs a shell command when it is unpickled carelessly."""

    def __reduce__(self):
        return (os.system, ('touch executed',))


def without(state, name):
    return {k: v for k, v in state.items() if k != name}


def damaged(name, value):
    state = clip_state()
    state[name].view(-1)[5] = value
    return state


def truncate(path, writer):
    writer(clip_state(), path)
    path.write_bytes(path.read_bytes()[:-2000])


def newer_format(path):
    info = json.dumps({'version': 2})
    state = to_backbone_names(clip_state())
    save_file(state, path, {'format': 'mmvrec-alphaclip', 'info': info})


BAD_FILES = {
    'empty.pth': (lambda p: p.write_bytes(b''), 'not a readable checkpoint'),
    'empty.safetensors': (lambda p: p.write_bytes(b''), 'not a readable checkpoint'),
    'page.pth': (lambda p: p.write_text('<html>404</html>'), 'not a readable checkpoint'),
    'page.safetensors': (lambda p: p.write_text('<html>404</html>'), 'not a readable checkpoint'),
    'cut.pth': (lambda p: truncate(p, torch.save), 'not a readable checkpoint'),
    'cut_legacy.pth': (lambda p: truncate(p, save_legacy), 'not a readable checkpoint'),
    'cut.safetensors': (lambda p: truncate(p, save_file), 'not a readable checkpoint'),
    'cut.pt': (lambda p: truncate(p, save_torchscript), 'not a readable checkpoint'),
    'code.pth': (lambda p: torch.save({'a': Command()}, p), 'not a readable checkpoint'),
    'list.pth': (lambda p: torch.save([torch.zeros(2)], p), 'holds no state dict of tensors'),
    'numbers.pth': (lambda p: torch.save({'epoch': 1}, p), 'holds no state dict of tensors'),
    'resnet.pth': (
        lambda p: torch.save({'fc.weight': torch.zeros(2)}, p),
        r"neither CLIP nor AlphaCLIP .* found \['fc.weight'\]",
    ),
    'modified_resnet.pth': (
        lambda p: torch.save({'conv1.weight': torch.zeros(2), 'attnpool.x': torch.zeros(1)}, p),
        'neither CLIP nor AlphaCLIP',
    ),
    'nan.pth': (
        lambda p: torch.save(damaged('visual.proj', float('nan')), p),
        r"NaN or infinite values in \['proj'\]",
    ),
    'inf.pth': (
        lambda p: torch.save(damaged('visual.ln_post.bias', float('inf')), p),
        r"NaN or infinite values in \['ln1.bias'\]",
    ),
    'newer.safetensors': (newer_format, 'format version 2, this release reads 1'),
}


@pytest.mark.parametrize('name', BAD_FILES)
def test_bad_file_is_named_in_the_error(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write, message = BAD_FILES[name]
    write(tmp_path / name)
    with pytest.raises(ValueError, match=rf'(?s){re.escape(name)}.*{message}'):
        load_backbone_weights(tmp_path / name)
    assert not (tmp_path / 'executed').exists()


INDISPENSABLE = [
    'patch_embed.projection.weight',
    'cls_token',
    'pos_embed',
    'proj',
    'layers.0.ln1.weight',
    'layers.0.ffn.layers.0.0.weight',
]


@pytest.mark.parametrize('name', INDISPENSABLE)
def test_architecture_of_an_incomplete_tower(name):
    state = without(to_backbone_names(clip_state()), name)
    with pytest.raises(ValueError, match=rf"incomplete, \['{re.escape(name)}'\] are missing"):
        infer_arch(state)


INCOMPLETE = {
    'visual.class_embedding': 'cls_token',
    'visual.positional_embedding': 'pos_embed',
    'visual.proj': 'proj',
    'visual.ln_pre.weight': 'pre_norm.weight',
    'visual.transformer.resblocks.0.ln_1.weight': 'layers.0.ln1.weight',
    'visual.transformer.resblocks.1.mlp.c_proj.bias': 'layers.1.ffn.layers.1.bias',
}


@pytest.mark.parametrize(('name', 'ours'), INCOMPLETE.items())
def test_incomplete_checkpoint_is_refused(tmp_path, name, ours):
    torch.save(without(clip_state(), name), tmp_path / 'clip.pth')
    with pytest.raises(ValueError, match=r'clip\.pth.* missing') as error:
        AlphaCLIP(ARCH, checkpoint=str(tmp_path / 'clip.pth')).init_weights()
    assert ours in str(error.value)


def test_resnet_of_clip_is_refused(tmp_path):
    state = {'visual.conv1.weight': torch.zeros(4, 3, 3, 3), 'visual.bn1.weight': torch.zeros(4)}
    torch.save(state, tmp_path / 'RN50.pt')
    with pytest.raises(ValueError, match=r'RN50\.pt: .*incomplete.*not its ResNets'):
        AlphaCLIP('tiny', checkpoint=str(tmp_path / 'RN50.pt')).init_weights()
