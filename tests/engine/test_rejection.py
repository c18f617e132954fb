import pytest
import torch
import torch.nn.functional as F

from mmvrec.engine.rejection import leave_one_out_threshold, similarities


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_similarities_are_cosines_of_means():
    feats, support = drawn(3, 5, 8), drawn(4, 5, 8, seed=1)
    for b, m in ((0, 0), (2, 3), (1, 2)):
        expected = F.cosine_similarity(feats[b].mean(0), support[m].mean(0), dim=0)
        torch.testing.assert_close(similarities(feats, support)[b, m], expected)


def test_threshold_leaves_one_out():
    support, labels = drawn(5, 1, 8), torch.tensor([0, 0, 1, 1, 2])
    cosine = similarities(support, support)
    # Of two instances each is the other's nearest; the class of one says nothing.
    pairs = sorted([float(cosine[0, 1]), float(cosine[2, 3])])
    assert leave_one_out_threshold(support, labels, 0.0) == pytest.approx(pairs[0])
    assert leave_one_out_threshold(support, labels, 1.0) == pytest.approx(pairs[1])
    assert leave_one_out_threshold(support, torch.arange(5)) is None
