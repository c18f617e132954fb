import pytest
import torch
import torch.nn.functional as F

from mmvrec.fewshot.rejection import leave_one_out_threshold, similarities
from mmvrec.models.heads import KNNHead, RegionGaussianHead


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
    # As a query it would be compared with all others; the only one of a class is as an unknown.
    nearest = sorted(
        max(float(cosine[i, j]) for j in range(5) if j != i) for i in range(5) if labels[i] != 2
    )
    assert leave_one_out_threshold(KNNHead(), support, labels, 0.0) == pytest.approx(nearest[0])
    assert leave_one_out_threshold(KNNHead(), support, labels, 1.0) == pytest.approx(nearest[-1])
    assert leave_one_out_threshold(KNNHead(), support, torch.arange(5)) is None


@pytest.mark.parametrize('kind', [KNNHead, RegionGaussianHead])
def test_as_many_known_queries_are_rejected_as_asked_for(kind):
    # 20 classes of one cluster each; queries are drawn as the support set is.
    centres = 3 * F.normalize(drawn(20, 1, 1, 32), dim=-1)
    support = (centres + 0.3 * drawn(20, 10, 1, 32, seed=1)).flatten(0, 1)
    queries = (centres + 0.3 * drawn(20, 50, 1, 32, seed=2)).flatten(0, 1)
    labels = torch.arange(20).repeat_interleave(10)
    head = kind().fit(support, labels, 20)
    for quantile in (0.05, 0.2):
        threshold = leave_one_out_threshold(head, support, labels, quantile)
        rejected = (head.typicality(queries, support) < threshold).float().mean()
        assert rejected.item() == pytest.approx(quantile, abs=0.03)
