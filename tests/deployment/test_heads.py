"""Heads as plain arrays, and the scores that NumPy makes of them."""

import numpy as np
import pytest
import torch

from mmvrec.deployment.heads import exported_head
from mmvrec.deployment.scoring import (
    head_logits,
    probabilities,
    similarities,
    typicality,
)
from mmvrec.fewshot import rejection
from mmvrec.models.heads import scores
from mmvrec.registry import MODELS

HEADS = [
    dict(type='ZipAdapterHead'),
    dict(type='ZipAdapterHead', merge_views='entropy', beta=300.0),
    dict(type='ZipAdapterFHead'),
    dict(type='GDAHead'),
    dict(type='GDAHead', groups=3, merge_views='logits'),
    dict(type='GDAHead', groups=3, merge_views='entropy'),
    dict(type='ProtoNetHead'),
    dict(type='ProtoNetHead', view_indices=[1, 4], merge_views='logits'),
    dict(type='LinearProbeHead', merge_views='entropy'),
    dict(type='LPPlusPlusHead'),
    dict(type='RegionGaussianHead'),
    dict(type='RegionGaussianHead', merge_views='entropy', view_indices=[5, 0]),
    dict(type='KernelRidgeHead', merge_views='logits'),
]


def support(views: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 1])
    means = torch.randn(3, 1, 16, generator=generator)
    return means[labels] + torch.randn(10, views, 16, generator=generator), labels


def fitted(config: dict) -> torch.nn.Module:
    feats, labels = support()
    generator = torch.Generator().manual_seed(1)
    head = MODELS.build(dict(config))
    head.fit(feats, labels, 3, torch.randn(3, 16, generator=generator)).eval()
    if config['type'] == 'ZipAdapterFHead':
        with torch.no_grad():
            for parameter in head.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return head


@pytest.mark.parametrize('config', HEADS, ids=lambda c: '-'.join(map(str, c.values())))
def test_logits_of_the_arrays_are_those_of_the_head(config):
    head = fitted(config)
    queries = torch.randn(7, 6, 16, generator=torch.Generator().manual_seed(2))
    expected = head.log_scores(queries).numpy()
    logits = head_logits(queries.numpy(), *exported_head(head))
    np.testing.assert_allclose(logits, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('head', ['KNNHead', 'TipAdapterHead', 'CLIPAdapterHead'])
def test_other_heads_are_refused(head):
    with pytest.raises(ValueError, match=f'{head} cannot be exported; heads that can: GDAHead, '):
        exported_head(fitted(dict(type=head)))


@pytest.mark.parametrize('spread', [1e-12, 1e-9, 1e-3, 1.0, 100.0])
@pytest.mark.parametrize('temperature', [0.05, 1.0, 7.0])
def test_probabilities_and_their_order_are_those_of_torch(spread, temperature):
    logits = spread * torch.randn(50, 5, generator=torch.Generator().manual_seed(0)).double()
    logits[0] = logits[0, 0]
    expected = scores.probabilities(logits, temperature).numpy()
    got = probabilities(logits.numpy(), temperature)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=3e-7)
    np.testing.assert_array_equal(got.argmax(1), expected.argmax(1))


@pytest.mark.parametrize('config', [HEADS[0], dict(type='RegionGaussianHead')])
def test_typicality_and_similarities_are_those_of_torch(config):
    head, (feats, _) = fitted(config), support()
    queries = torch.randn(5, 6, 16, generator=torch.Generator().manual_seed(3))
    settings, arrays = exported_head(head)
    got = typicality(queries.numpy(), settings, {**arrays, 'support_feats': feats.numpy()})
    np.testing.assert_allclose(got, head.typicality(queries, feats), rtol=1e-5)
    cosines = similarities(queries.numpy(), feats.numpy())
    np.testing.assert_allclose(cosines, rejection.similarities(queries, feats), atol=1e-6)


def test_typicality_is_not_known_without_support():
    settings, arrays = exported_head(fitted(HEADS[0]))
    assert typicality(np.ones((1, 6, 16)), settings, arrays) is None
