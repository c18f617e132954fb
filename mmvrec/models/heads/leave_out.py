"""What a head makes of its own support set."""

from collections.abc import Sequence
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor


class LeaveOut:
    """The part of a :class:`FewShotHead` that looks back at the support.

    How well it does, and what is unlike everything labelled, is to be told from the support alone:
    every instance is asked about as if it were a query, of a head that is fitted without it.
    Heads with a closed form override what they know a faster way for.
    """

    @torch.no_grad()
    def leave_out_scores(
        self, feats: Tensor, labels: Tensor, blocks: Sequence[Sequence[int]]
    ) -> Tensor:
        """Score support instances by heads that are fitted without them.

        Args:
            feats (Tensor): view features of the support, float, (M, V, C).
            labels (Tensor): class indices, int64, (M,).
            blocks (Sequence[Sequence[int]]): positions of instances that are left out together; of
                every class some are left.

        Returns:
            Tensor: :meth:`log_scores`, float64, (M, N), on the CPU; NaN of instances in no block.

        Raises:
            NotImplementedError: the head trains after its fit.
        """
        scores = torch.full((len(labels), int(labels.max()) + 1), torch.nan, dtype=torch.float64)
        for block in blocks:
            rest = torch.ones(len(labels), dtype=torch.bool)
            rest[block] = False
            head = self.refitted(feats[rest], labels[rest])
            scores[block] = head.log_scores(feats[block]).cpu()
        return scores

    @torch.no_grad()
    def typicality(self, feats: Tensor, support: Tensor) -> Tensor:
        """Tell how far queries are like what the head has been fitted on; the larger, the more.

        Here the cosine to the nearest support instance, of mean features as the backbone gives
        them: what a head has been trained to tell apart says little about what it has never seen.

        Args:
            feats (Tensor): view features, float, (B, V, C).
            support (Tensor): those of the support, float, (M, V, C).

        Returns:
            Tensor: float, (B,).
        """
        queries, keys = (F.normalize(x.mean(1), dim=-1) for x in (feats, support))
        return (queries @ keys.T).amax(1)

    @torch.no_grad()
    def leave_out_typicality(
        self, feats: Tensor, labels: Tensor, blocks: Sequence[Sequence[int]]
    ) -> Tensor:
        """Tell the :meth:`typicality` of support instances to heads that are fitted without them.

        Args:
            feats (Tensor): view features of the support, float, (M, V, C).
            labels (Tensor): class indices, int64, (M,).
            blocks (Sequence[Sequence[int]]): see :meth:`leave_out_scores`.

        Returns:
            Tensor: float64, (M,), on the CPU; NaN of instances in no block.
        """
        typical = torch.full((len(labels),), torch.nan, dtype=torch.float64)
        for block in blocks:
            rest = torch.ones(len(labels), dtype=torch.bool)
            rest[block] = False
            typical[block] = self.typicality(feats[block], feats[rest]).double().cpu()
        return typical

    def refitted(self, feats: Tensor, labels: Tensor) -> 'LeaveOut':
        """Fit another head with these settings on another support of the same classes.

        Args:
            feats (Tensor): view features, float, (M, V, C).
            labels (Tensor): class indices, int64, (M,); every class occurs.

        Raises:
            NotImplementedError: the head trains after its fit.
        """
        if self.trains:
            raise NotImplementedError(
                f'{type(self).__name__} is trained after its fit; see held_out_scores'
            )
        texts = self.text_feats if self.needs_text else None
        return deepcopy(self).fit(feats, labels, int(labels.max()) + 1, texts)

    def remember(self, feats: Tensor, labels: Tensor) -> None:
        """Take from the support what a checkpoint does not carry; most heads need nothing.

        Called on a head that is fitted or has been loaded, before it answers.

        Args:
            feats (Tensor): view features of its support, float, (M, V, C).
            labels (Tensor): class indices, int64, (M,).
        """
