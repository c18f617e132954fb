"""The text tower against the numbers of the original."""

import json
import sys

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from mmvrec.models import CLIPText
from mmvrec.models.text.tower import load_tower, tokenize
from mmvrec.structures import Provenance

OPENAI = 'alphaclip_tiny_openai.safetensors'


@pytest.fixture(scope='module')
def texts(fixtures) -> list[str]:
    return json.loads(fixtures('texts.json').read_text())


@pytest.fixture(scope='module')
def text(fixtures) -> CLIPText:
    return CLIPText(checkpoint=str(fixtures(OPENAI)), templates=['a {label}', '{label} on {task}'])


def test_token_ids_are_the_originals(fixture_tensors, texts):
    expected = fixture_tensors('text_io.npz')['ids']
    assert torch.equal(tokenize(texts).int(), expected.int())


def test_features_are_the_originals(fixture_tensors, texts, text):
    expected = fixture_tensors('text_io.npz')['text_features']
    torch.testing.assert_close(text.encode(texts), expected, rtol=0, atol=1e-5)


def test_class_features_are_means_of_their_sentences(text):
    feats = text('metal_nut', ['bent', 'cut_outer'])
    for row, label in zip(feats, ['bent', 'cut outer'], strict=True):
        sentences = text.encode([f'a {label}', f'{label} on metal nut'])
        mean = F.normalize(sentences, dim=-1).mean(0)
        torch.testing.assert_close(row, mean / mean.norm())
    assert not feats.requires_grad


def test_source_of_the_weights(text, fixtures):
    assert text.provenance == Provenance(str(fixtures(OPENAI)))
    assert CLIPText(random_seed=3).provenance == Provenance('random (seed 3)', is_random=True)


def test_random_weights_depend_on_their_seed_alone(log_records):
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    one = CLIPText('tiny')('task', ['a', 'b'])
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(CLIPText('tiny')('task', ['a', 'b']), one)
    assert not torch.equal(CLIPText('tiny', random_seed=1)('task', ['a', 'b']), one)
    assert one.shape == (2, 192)
    assert 'RANDOM weights: random (seed 0)' in log_records[0].getMessage()


@pytest.mark.parametrize('arch', ['vit-b/16', 'vit-l/14'])
def test_architectures_have_the_shapes_of_the_released_models(fixtures, arch):
    shapes = json.loads(fixtures('vit_l14_shapes.json').read_text())
    models = shapes.get('models', shapes)
    name = {'vit-b/16': 'B/16', 'vit-l/14': 'L/14'}[arch]
    (key,) = [k for k in models if k.endswith(name)]
    expected = {
        k: tuple(v[0])
        for k, v in find_openai(models[key]).items()
        if not k.startswith('visual.') and tuple(v[0])
    }
    from mmvrec.models.text.tower import build_tower

    with torch.device('meta'):
        tower = build_tower(**CLIPText.ARCHS[arch])
    ours = {name: tuple(value.shape) for name, value in tower.state_dict().items()}
    assert ours == expected


def find_openai(model: dict) -> dict:
    """The OpenAI state dict of a model's entry: the one with a text projection."""
    if 'text_projection' in model:
        return model
    found = [find_openai(v) for v in model.values() if isinstance(v, dict)]
    return next((f for f in found if f), {})


def test_damaged_and_foreign_files(fixtures, tmp_path):
    state = load_file(fixtures(OPENAI))
    cases = {
        'vision only': (
            {k: v for k, v in state.items() if k.startswith('visual.')},
            'holds no text tower',
        ),
        'a layer is missing': (
            {k: v for k, v in state.items() if 'transformer.resblocks.1.ln_2.weight' not in k
             or k.startswith('visual.')},
            'text tower is incomplete',
        ),
        'NaN': (
            {**state, 'ln_final.weight': torch.full_like(state['ln_final.weight'], torch.nan)},
            'NaN or infinite',
        ),
    }  # fmt: skip
    for name, (tensors, message) in cases.items():
        path = tmp_path / f'{name}.safetensors'
        save_file(tensors, path)
        with pytest.raises(ValueError, match=message):
            load_tower(str(path))
    with pytest.raises(FileNotFoundError, match='no weights at'):
        CLIPText(checkpoint=str(tmp_path / 'nothing.pt'))('task', ['a'])


def test_without_open_clip(monkeypatch):
    monkeypatch.setitem(sys.modules, 'open_clip.transformer', None)
    with pytest.raises(ImportError, match=r'pip install "mmvrec\[text\]"'):
        CLIPText('tiny')('task', ['a'])


def test_unknown_architecture():
    with pytest.raises(ValueError, match=r"arch must be one of .* got 'resnet'"):
        CLIPText('resnet')
