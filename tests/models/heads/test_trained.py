"""Heads that train: the views of their loss, and what they hand on."""

import pytest
import torch

from mmvrec.models.heads import CLIPAdapterHead, ZipAdapterFHead
from mmvrec.models.heads.trained import TrainedHead


class MeanSquare(TrainedHead):
    def _allocate(self, num_support, num_classes, channels):
        """No parameters."""

    def _fit(self, feats, labels, num_classes):
        """Nothing to fit."""

    def class_logits(self, feats):
        return feats

    def _loss(self, feats, labels):
        return {'loss_square': feats.square().mean()}


def test_loss_sees_the_views_that_the_head_looks_at():
    feats = torch.arange(4.0).reshape(1, 4, 1).expand(2, 4, 3)
    labels = torch.tensor([0, 1])
    assert MeanSquare().loss(feats, labels)['loss_square'] == pytest.approx((1 + 4 + 9) / 4)
    chosen = MeanSquare(view_indices=[3, 1]).loss(feats, labels)
    assert chosen['loss_square'] == pytest.approx((9 + 1) / 2)


def test_only_incremental_heads_take_over():
    assert ZipAdapterFHead.trains
    assert ZipAdapterFHead.incremental
    head = CLIPAdapterHead()
    assert not head.incremental
    with pytest.raises(NotImplementedError, match='CLIPAdapterHead must be trained'):
        head.take_over(head, [0])
