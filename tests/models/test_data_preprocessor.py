"""MultiViewDataPreprocessor."""

import pytest
import torch
from mmpretrain.structures import DataSample

from mmvrec.models.data_preprocessor import MultiViewDataPreprocessor
from mmvrec.registry import MODELS
from mmvrec.structures import ViewPlan


def views(*shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).byte()


@pytest.mark.parametrize('channels', [3, 4])
def test_pixels_stay_as_they_are(channels):
    inputs = views(2, 5, channels, 8, 8)
    result = MultiViewDataPreprocessor()({'inputs': inputs})['inputs']
    assert result.dtype == torch.float32
    assert torch.equal(result.byte(), inputs)


def test_lists_are_stacked_and_samples_passed_on():
    inputs, samples = views(2, 5, 4, 8, 8), [DataSample(), DataSample()]
    preprocessor = MultiViewDataPreprocessor()
    result = preprocessor({'inputs': list(inputs), 'data_samples': samples})
    assert torch.equal(result['inputs'], preprocessor({'inputs': inputs})['inputs'])
    assert result['data_samples'] is samples
    assert preprocessor({'inputs': inputs}, training=True)['data_samples'] is None


def test_planned_views_are_made():
    pixels = views(20, 30, 4)
    plans = [ViewPlan(pixels, 0, 0, (([x], [2], 8),), sides=(8,)) for x in (0, 9)]
    result = MultiViewDataPreprocessor()({'inputs': plans})['inputs']
    assert result.dtype == torch.float32
    expected = [pixels[2:10, x : x + 8].permute(2, 0, 1) for x in (0, 9)]
    assert torch.equal(result.byte(), torch.stack(expected)[:, None])


def test_is_registered():
    built = MODELS.build(dict(type='MultiViewDataPreprocessor'))
    assert isinstance(built, MultiViewDataPreprocessor)


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
