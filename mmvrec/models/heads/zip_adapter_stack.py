"""Gradients of Zip-Adapter-F in closed form, for many heads at once."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.stack import HeadStack


class ZipAdapterStack(HeadStack):
    """Several Zip-Adapter-F heads, trained together without autograd.

    Their losses and gradients are those of :meth:`ZipAdapterFHead.loss`, written out: buffers are
    allocated once and stay in the cache from head to head, keys pass the projection in the same
    matrix product as views, and distances are computed once per pair. What remains is little more
    than the three matrix products of an iteration.

    Args:
        heads (Sequence[ZipAdapterFHead]): E fitted heads.
        feats (Tensor): view features of their support sets, float, (E, M, V, C).
        labels (Tensor): class indices, int64, (E, M).
    """

    def __init__(self, heads: Sequence, feats: Tensor, labels: Tensor):
        super().__init__(heads, feats, labels)
        config = heads[0]
        views = config.select_views(feats.flatten(0, 1)).unflatten(0, feats.shape[:2])
        self.num_rows = views.shape[1] * views.shape[2]
        rows = labels.repeat_interleave(views.shape[2], dim=1)
        # Views class by class, so that a class is a range of rows.
        order = rows.argsort(dim=1, stable=True)
        flat = views.flatten(1, 2).gather(1, order[..., None].expand(-1, -1, views.shape[3]))
        num_classes = heads[0].support_values.shape[1]
        self.targets = F.one_hot(rows.gather(1, order), num_classes).to(flat)
        self.bounds = [[0, *r.bincount(minlength=num_classes).cumsum(0).tolist()] for r in rows]
        # Views and, below them, keys: both pass the projection.
        self.inputs = torch.cat([flat, flat.new_empty(self.head.support_keys.shape)], dim=1)
        self._linear, self._gate, self._projected, self._gradient, self._scratch = (
            torch.empty_like(self.inputs[0]) for _ in range(5)
        )
        self._to_positive, self._to_negative = (torch.empty_like(flat[0]) for _ in range(2))
        self._distances = flat.new_empty(self.num_rows, self.num_rows)
        for parameter in self.head.parameters():
            parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None

    @torch.no_grad()
    def backward(self) -> Tensor:
        """Compute losses, (E,), and gradients, as of the base class."""
        return torch.stack([self._backward_one(e) for e in range(len(self.inputs))])

    def _backward_one(self, index: int) -> Tensor:
        projection, keys = self.head.projection.linear, self.head.support_keys
        weight, bias = projection.weight[index], projection.bias[index]
        inputs, rows = self.inputs[index], self.num_rows
        inputs[rows:] = keys[index]
        torch.addmm(bias, inputs, weight.T, out=self._linear)
        torch.sigmoid(self._linear, out=self._gate)
        torch.addcmul(inputs, self._linear, self._gate, out=self._projected)
        loss = self._cross_entropy(index)
        if self.head.triplet_weight:
            loss = loss + self._triplet(index)
        # Back through x + SiLU(z): SiLU' = gate + SiLU (1 - gate), and SiLU = projected - x.
        silu = torch.sub(self._projected, inputs, out=self._scratch)
        slope = silu.addcmul_(silu, self._gate, value=-1).add_(self._gate)
        through = slope.mul_(self._gradient)
        if projection.weight.requires_grad:
            torch.mm(through.T, inputs, out=projection.weight.grad[index])
            projection.bias.grad[index] = through.sum(0)
        if keys.requires_grad:
            keys.grad[index] = torch.addmm(self._gradient[rows:], through[rows:], weight)
        return loss

    def _cross_entropy(self, index: int) -> Tensor:
        """Compute the cross-entropy of all views; sets the gradient in views and keys."""
        rows, targets = self.num_rows, self.targets[index]
        values = self._frozen['head.support_values'][index]
        lengths = torch.linalg.vector_norm(self._projected, dim=1, keepdim=True)
        views, view_lengths = self._projected[:rows], lengths[:rows]
        keys = self._projected[rows:] / lengths[rows:]
        cosine = (views @ keys.T).div_(view_lengths)
        affinity = torch.exp(self.head.beta * (cosine - 1))
        temperature = self.head.tau + 1e-9
        scores = (affinity @ values / temperature).log_softmax(1)
        errors = (scores.exp() - targets) / rows
        slope = (errors @ values.T).mul_(affinity).mul_(self.head.beta / temperature)
        # Of cos = v.k / |v||k|: in v (k - cos v/|v|) / |v|, in k likewise.
        torch.mm(slope / view_lengths, keys, out=self._gradient[:rows])
        along = (slope * cosine).sum(1, keepdim=True) / view_lengths.square()
        self._gradient[:rows].addcmul_(views, along, value=-1)
        pull = (slope / view_lengths).T @ views
        self._gradient[rows:] = (pull - keys * (pull * keys).sum(1, keepdim=True)) / lengths[rows:]
        return -(scores * targets).sum(1).mean()

    def _triplet(self, index: int) -> Tensor:
        """Weighted batch-hard triplet loss; adds its gradient in the views."""
        head, rows = self.head, self.num_rows
        views, gradient = self._projected[:rows], self._gradient[:rows]
        normalized = head.triplet_distance == 'normalized'
        lengths = torch.linalg.vector_norm(views, dim=1, keepdim=True)
        embeddings = views / lengths if normalized else views
        farthest, nearest = self._hardest(embeddings, self.bounds[index])
        to_positive, to_negative = self._to_positive, self._to_negative
        for offset, chosen in ((to_positive, farthest), (to_negative, nearest)):
            torch.index_select(embeddings, 0, chosen, out=offset)
            torch.sub(embeddings, offset, out=offset)
        positive = torch.linalg.vector_norm(to_positive, dim=1, keepdim=True)
        negative = torch.linalg.vector_norm(to_negative, dim=1, keepdim=True)
        slack = (head.margin + positive - negative).clamp_(min=0)
        scale = (slack > 0) * (head.triplet_weight / rows)
        # At distance 0, where there is no direction, the gradient is 0.
        to_positive.mul_(torch.where(positive > 0, scale / positive, 0))
        to_negative.mul_(torch.where(negative > 0, scale / negative, 0))
        pushed = torch.sub(to_positive, to_negative, out=self._scratch[:rows])
        pushed.index_add_(0, farthest, to_positive, alpha=-1)
        pushed.index_add_(0, nearest, to_negative)
        if normalized:
            along = (pushed * embeddings).sum(1, keepdim=True)
            pushed = pushed.addcmul_(embeddings, along, value=-1).div_(lengths)
        gradient.add_(pushed)
        return head.triplet_weight * slack.mean()

    def _hardest(self, embeddings: Tensor, bounds: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Row of the farthest embedding of the own class and of the nearest of another one.

        Squared distances less the anchor's own squared length order the others just as well; those
        between two classes are computed once and searched by row and by column.
        """
        squares = torch.linalg.vector_norm(embeddings, dim=1).square()
        farthest = torch.empty(len(squares), dtype=torch.long, device=squares.device)
        nearest, least = torch.empty_like(farthest), torch.full_like(squares, torch.inf)
        for start, end in pairwise(bounds):
            block = self._distances[start:end, start:]
            torch.addmm(
                squares[start:], embeddings[start:end], embeddings[start:].T, alpha=-2, out=block
            )
            size = end - start
            farthest[start:end] = block[:, :size].argmax(1) + start
            if end == len(squares):
                break
            others = block[:, size:]
            _improve(least[start:end], nearest[start:end], *others.min(1), shift=end)
            distances, position = others.add_(squares[start:end, None]).min(0)
            _improve(least[end:], nearest[end:], distances - squares[end:], position, shift=start)
        return farthest, nearest


def _improve(least: Tensor, where: Tensor, candidate: Tensor, position: Tensor, shift: int) -> None:
    """Take over a candidate where it is less; ``position`` counts from ``shift``."""
    better = candidate < least
    torch.where(better, position + shift, where, out=where)
    torch.where(better, candidate, least, out=least)
