import pytest
import torch

from mmvrec.fewshot.leave_out import leave_out_blocks, margins


def test_each_instance_alone_but_the_only_one_of_a_class():
    assert leave_out_blocks(torch.tensor([0, 0, 1, 2, 2])) == [[0], [1], [3], [4]]


def test_groups_leave_together():
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    assert leave_out_blocks(labels, list('aabbcc')) == [[0, 1], [2, 3], [4, 5]]
    # All of class 1 is in b: those stay, and nothing is said of them.
    labels = torch.tensor([0, 0, 1, 1, 0])
    assert leave_out_blocks(labels, list('aabbb')) == [[0, 1], [4]]
    assert leave_out_blocks(torch.tensor([0, 1])) == []


def test_one_group_per_instance():
    with pytest.raises(ValueError, match='one entry per instance, 3, got 2'):
        leave_out_blocks(torch.tensor([0, 0, 1]), ['a', 'b'])


def test_margins_by_hand():
    scores = torch.tensor([[3.0, 1.0, 2.5], [0.0, -1.0, 4.0]])
    ahead, other = margins(scores, torch.tensor([0, 1]))
    assert ahead.tolist() == [0.5, -5.0]
    assert other.tolist() == [2, 2]
