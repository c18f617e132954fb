"""Heads that are fitted without some of the support, and what they make of these."""

from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from mmvrec.fewshot.calibration import leave_out_folds
from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import FewShotHead


class LeftOutHeads:
    """Judges the support by heads that are fitted without the instances judged.

    With at most five instances of a class each is left out alone; see :func:`leave_out_folds`.

    Args:
        support (SupportSet): all support instances.
        build_head (Callable): gives a new head.
        training (TrainingSettings): how it is trained.
    """

    def __init__(
        self,
        support: SupportSet,
        build_head: Callable[[], FewShotHead],
        training: TrainingSettings,
    ):
        self.labels = support.labels
        self.heads = []
        for out in leave_out_folds(support.labels.cpu()):
            rest = SupportSet(
                support.feats[~out], support.labels[~out], support.label_space, support.text_feats
            )
            head = build_head().to(support.feats.device)
            self.heads.append((out, fit_head(head, rest, training)))

    def log_scores(self, feats: np.ndarray, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Log scores of instances of the support, perhaps embedded otherwise.

        Args:
            feats (np.ndarray): view features, float32, (M', V, C).
            rows (Sequence[int]): of each its row in the support.

        Returns:
            tuple[Tensor, Tensor]: float64, (M'', N), and class indices, int64, (M'',), of those
            that can be left out.
        """
        scores, labels = [torch.empty(0, 0)], [torch.empty(0, dtype=torch.int64)]
        for out, head in self.heads:
            own = [index for index, row in enumerate(rows) if out[row]]
            if own:
                scores.append(head.log_scores(torch.from_numpy(feats[own])))
                labels.append(self.labels[[rows[index] for index in own]])
        return torch.cat(scores[1:] or scores), torch.cat(labels)

    @torch.no_grad()
    def view_logits(self, feats: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Logits of every view of the support instances that can be left out.

        Args:
            feats (Tensor): view features of the support, float, (M, V, C).

        Returns:
            tuple[np.ndarray, np.ndarray]: float64, (M', V, N), and class indices, int64, (M',).
        """
        if not self.heads:
            return np.empty((0, *feats.shape[1:])), np.empty(0, np.int64)
        logits = [
            deepcopy(head).double().class_logits(feats[out].double()) for out, head in self.heads
        ]
        labels = [self.labels[out] for out, _ in self.heads]
        return torch.cat(logits).cpu().numpy(), torch.cat(labels).cpu().numpy()

    def typicality(self, feats: Tensor, positions: Sequence[int]) -> np.ndarray:
        """How far the instances of :meth:`view_logits` are like the rest of the support.

        Args:
            feats (Tensor): view features of the support, float, (M, V, C).
            positions (Sequence[int]): the views that are looked at.

        Returns:
            np.ndarray: float64, (M',), see :meth:`FewShotHead.typicality`.
        """
        typical = [
            head.typicality(feats[out][:, positions], feats[~out]).double()
            for out, head in self.heads
        ]
        return torch.cat(typical).cpu().numpy() if typical else np.empty(0)
