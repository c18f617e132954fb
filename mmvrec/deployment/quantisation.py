"""Eight bits, as far as the leave-one-out estimate of the support allows."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmvrec.deployment.parity import MAX_OTHER_LABELS
from mmvrec.deployment.precision import by_damage, prepare, to_int8
from mmvrec.deployment.samples import Samples
from mmvrec.deployment.sessions import Session
from mmvrec.evaluation.answer_summary import Proportion
from mmvrec.fewshot.calibration import leave_out_folds
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import FewShotHead

#: Points of leave-one-out accuracy that eight bits may cost.
MAX_LOSS = 0.5
#: Shares of the layers that are tried to be kept in float32, the worst ones.
_KEPT = (0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4)


class LeaveOneOut:
    """Accuracy on the support itself, by heads that are fitted without the instances judged.

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
        for out in leave_out_folds(support.labels):
            rest = SupportSet(
                support.feats[~out], support.labels[~out], support.label_space, support.text_feats
            )
            self.heads.append((out, fit_head(build_head(), rest, training)))

    def accuracy(self, feats: np.ndarray, rows: list[int]) -> Proportion | None:
        """Count the instances that are classified rightly.

        Args:
            feats (np.ndarray): view features, float32, (M', V, C).
            rows (list[int]): of each its row in the support.

        Returns:
            Proportion | None: of those that can be left out; None where none can.
        """
        right = []
        for out, head in self.heads:
            own = [index for index, row in enumerate(rows) if out[row]]
            if own:
                labels = head.log_scores(torch.from_numpy(feats[own])).argmax(1)
                expected = self.labels[[rows[index] for index in own]]
                right += labels.eq(expected).tolist()
        return Proportion.of(sum(right), len(right)) if right else None

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
        return torch.cat(logits).numpy(), torch.cat(labels).numpy()

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
        return torch.cat(typical).numpy() if typical else np.empty(0)


def quantised_graph(
    graph: Path,
    samples: Samples,
    reference: np.ndarray,
    fitted: FittedClassifier,
    left_out: LeaveOneOut,
    engine: str,
) -> tuple[Path, dict[str, object]]:
    """Quantise a graph after training, calibrated on views.

    Where that costs more than half a point of the leave-one-out accuracy of the support, or other
    labels than :func:`mmvrec.deployment.parity.check_parity` allows, the layers that suffer most
    stay in float32: a sixteenth of them, then twice as many up to one half, then three quarters.

    Args:
        graph (Path): in float32; files are written beside it.
        samples (Samples): views; those of the support come first.
        reference (np.ndarray): their features in float32, (M, V, C).
        fitted (FittedClassifier): the classifier.
        left_out (LeaveOneOut): estimates its accuracy.
        engine (str): see :class:`Session`.

    Returns:
        tuple[Path, dict[str, object]]: the graph, and what was done: ``layers``, their number;
        ``float_layers``, names of those kept in float32; ``leave_one_out``, percent in ``fp32`` and
        ``int8`` and the number of ``instances``, None where nothing can be left out.

    Raises:
        ValueError: three quarters of the layers in float32 are not enough.
    """
    prepared, path = graph.with_name('prepared.onnx'), graph.with_name('int8.onnx')
    layers = prepare(graph, prepared)
    rows = samples.support_rows
    calibration = samples.views[: len(rows)]
    best = left_out.accuracy(reference[: len(rows)], rows)
    labels = fitted.scores(torch.from_numpy(reference)).argmax(1)
    worst: list[str] = []
    for share in _KEPT:
        kept = worst[: math.ceil(share * len(worst))]
        to_int8(prepared, path, calibration, kept)
        session = Session(path, engine, 'int8')
        feats = np.stack([session(views) for views in samples.views])
        accuracy = left_out.accuracy(feats[: len(rows)], rows)
        other = fitted.scores(torch.from_numpy(feats)).argmax(1).ne(labels).sum().item()
        is_close = best is None or 100 * (best.count - accuracy.count) <= MAX_LOSS * best.number
        if is_close and other <= MAX_OTHER_LABELS * len(labels):
            return path, {
                'layers': len(layers),
                'float_layers': kept,
                'leave_one_out': _percent(best, accuracy),
            }
        worst = worst or by_damage(prepared, path, layers, samples.views[0])
    raise ValueError(
        'eight bits cost too much, also with three quarters of the layers in float32: '
        f'leave-one-out accuracy {accuracy} instead of {best}, and {other} of {len(labels)} labels '
        'differ; export with --precision fp16'
    )


def _percent(best: Proportion | None, accuracy: Proportion | None) -> dict[str, float | int | None]:
    if best is None:
        return dict.fromkeys(('fp32', 'int8', 'instances'))
    shares = {'fp32': best, 'int8': accuracy}
    percent = {name: 100 * share.count / share.number for name, share in shares.items()}
    return {**percent, 'instances': best.number}
