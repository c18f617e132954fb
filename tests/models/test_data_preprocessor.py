"""MultiViewDataPreprocessor."""

import pytest
import torch
from mmpretrain.structures import DataSample

from mmvrec.models.data_preprocessor import MultiViewDataPreprocessor
from mmvrec.registry import MODELS

MEAN = (0.48145466, 0.4578275, 0.40821073, 0.5)
STD = (0.26862954, 0.26130258, 0.27577711, 0.26)


def views(*shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).byte()


def test_normalisation_is_that_of_the_published_model(fixture_tensors):
    io = fixture_tensors('visual_io.npz')
    expected = torch.cat([io['images'], io['alphas']], dim=1)[:, None]
    scale = 255 * torch.tensor(STD).view(4, 1, 1)
    pixels = (expected * scale + 255 * torch.tensor(MEAN).view(4, 1, 1)).round().byte()
    result = MultiViewDataPreprocessor()({'inputs': pixels})['inputs']
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize('channel', range(4))
@pytest.mark.parametrize('pixel', [0, 1, 128, 255])
def test_normalisation_by_hand(channel, pixel):
    inputs = torch.full((1, 1, 4, 2, 2), pixel, dtype=torch.uint8)
    result = MultiViewDataPreprocessor()({'inputs': inputs})['inputs']
    assert result.dtype == torch.float32
    expected = (pixel / 255 - MEAN[channel]) / STD[channel]
    assert result[0, 0, channel, 1, 1].item() == pytest.approx(expected, abs=1e-6)


def test_three_channels_are_normalised_as_the_first_of_four():
    inputs = views(2, 5, 4, 8, 8)
    preprocessor = MultiViewDataPreprocessor()
    three = preprocessor({'inputs': inputs[:, :, :3]})['inputs']
    assert torch.equal(three, preprocessor({'inputs': inputs})['inputs'][:, :, :3])


def test_lists_are_stacked_and_samples_passed_on():
    inputs, samples = views(2, 5, 4, 8, 8), [DataSample(), DataSample()]
    preprocessor = MultiViewDataPreprocessor()
    result = preprocessor({'inputs': list(inputs), 'data_samples': samples})
    assert torch.equal(result['inputs'], preprocessor({'inputs': inputs})['inputs'])
    assert result['data_samples'] is samples
    assert preprocessor({'inputs': inputs}, training=True)['data_samples'] is None


def test_settings_tell_different_normalisations_apart():
    settings = MultiViewDataPreprocessor().settings
    assert settings['mean'] == pytest.approx([255 * m for m in MEAN])
    assert settings['std'] == pytest.approx([255 * s for s in STD])
    assert settings == MultiViewDataPreprocessor().settings
    assert settings != MultiViewDataPreprocessor(mean=(0.5, 0.5, 0.5, 0.5)).settings


def test_normalisation_is_no_part_of_checkpoints():
    assert not MultiViewDataPreprocessor().state_dict()


def test_is_registered():
    built = MODELS.build(dict(type='MultiViewDataPreprocessor'))
    assert isinstance(built, MultiViewDataPreprocessor)


BAD_OPTIONS = {
    'three means': dict(mean=(0.5, 0.5, 0.5)),
    'five deviations': dict(std=(0.5,) * 5),
    'zero deviation': dict(std=(0.5, 0.5, 0.5, 0)),
    'negative deviation': dict(std=(0.5, 0.5, -0.5, 0.5)),
    'nothing': dict(mean=()),
}


@pytest.mark.parametrize('options', BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options(options):
    with pytest.raises(ValueError, match=r'four values \(R, G, B, alpha\)'):
        MultiViewDataPreprocessor(**options)


BAD_VIEWS = {
    'float': (torch.zeros(1, 2, 4, 8, 8), r'got torch.float32 \(1, 2, 4, 8, 8\)'),
    'int64': (views(1, 2, 4, 8, 8).long(), 'got torch.int64'),
    'no views': (views(2, 4, 8, 8), r'got torch.uint8 \(2, 4, 8, 8\)'),
    'grey': (views(1, 2, 1, 8, 8), r'\(1, 2, 1, 8, 8\)'),
    'channels last': (views(1, 2, 8, 8, 4), r'\(1, 2, 8, 8, 4\)'),
}


@pytest.mark.parametrize(('inputs', 'message'), BAD_VIEWS.values(), ids=BAD_VIEWS)
def test_bad_views(inputs, message):
    with pytest.raises(ValueError, match='views must be uint8 of shape.*' + message):
        MultiViewDataPreprocessor()({'inputs': inputs})
