"""The greedy choice, beside brute force."""

import torch

from mmvrec.finding.coreset import greedy_coreset


def test_farthest_first():
    feats = torch.tensor([[0.0, 0], [1, 0], [10, 0], [10, 1], [0, 7]])
    assert greedy_coreset(feats, 4).tolist() == [0, 3, 4, 1]


def test_all_are_taken_where_there_are_few():
    assert greedy_coreset(torch.zeros(3, 2), 5).tolist() == [0, 1, 2]


def test_clusters_are_covered_after_projection():
    generator = torch.Generator().manual_seed(1)
    centres = 10 * torch.randn(20, 200, generator=generator)
    feats = centres.repeat_interleave(30, 0) + 0.1 * torch.randn(600, 200, generator=generator)
    chosen = greedy_coreset(feats, 20)
    assert sorted((chosen // 30).tolist()) == list(range(20))
