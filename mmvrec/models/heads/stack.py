"""Several heads of one kind, trained together."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


class HeadStack(nn.Module):
    """Fitted heads of one config and shape whose parameters are stacked, to be trained as one.

    The parameters have the names of a head's and a first dimension more, one entry per head. No two
    heads share any, so an optimizer that works element by element trains each as if it were alone.

    Args:
        heads (Sequence[FewShotHead]): E fitted heads that train.
        feats (Tensor): view features of their support sets, float, (E, M, V, C).
        labels (Tensor): class indices, int64, (E, M).
    """

    def __init__(self, heads: Sequence[nn.Module], feats: Tensor, labels: Tensor):
        super().__init__()
        self._heads = list(heads)  # A plain list, so that their parameters are not the stack's.
        self._objectives = [_Objective(head) for head in heads]
        stacked, self._frozen = stack_module_state(self._objectives)
        #: One head with stacked parameters, which the optimizer finds under their usual names.
        self.head = deepcopy(heads[0])
        for name, values in stacked.items():
            owner, _, leaf = name.rpartition('.')
            owner = self.head.get_submodule(owner.removeprefix('head').removeprefix('.'))
            owner.register_parameter(leaf, nn.Parameter(values.detach(), values.requires_grad))
        self.feats = feats
        self.labels = labels

    def backward(self) -> Tensor:
        """Compute losses, and gradients in the place of earlier ones.

        Returns:
            Tensor: summed loss of every head, float, (E,).
        """
        self.zero_grad()
        parameters = dict(self.named_parameters())
        losses = vmap(self._loss)(parameters, self._frozen, self.feats, self.labels)
        losses.sum().backward()
        return losses.detach()

    def _loss(self, parameters: dict, frozen: dict, feats: Tensor, labels: Tensor) -> Tensor:
        return functional_call(self._objectives[0], (parameters, frozen), (feats, labels))

    @torch.no_grad()
    def unstack(self) -> None:
        """Copy every entry of the stack back into its head."""
        for name, values in self.head.named_parameters():
            for head, value in zip(self._heads, values, strict=True):
                head.get_parameter(name).copy_(value)


class _Objective(nn.Module):
    """A head's summed losses as the forward of a module, which functional calls need."""

    def __init__(self, head: nn.Module):
        super().__init__()
        self.head = head

    def forward(self, feats: Tensor, labels: Tensor) -> Tensor:
        return sum(self.head.loss(feats, labels).values())
