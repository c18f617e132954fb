"""Eight bits, as far as the leave-one-out estimate of the support allows."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from mmvrec.deployment.parity import allowed_other_labels
from mmvrec.deployment.precision import by_damage, prepare, to_int8
from mmvrec.deployment.samples import Samples
from mmvrec.deployment.sessions import Session
from mmvrec.fewshot.expected_accuracy import expected_right
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.left_out_heads import LeftOutHeads

#: Points of expected accuracy that eight bits may cost.
MAX_LOSS = 0.5
#: Shares of the layers that are tried to be kept in float32, the worst ones.
_KEPT = (0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4)


@dataclass(frozen=True)
class ExpectedAccuracy:
    """What eight bits cost by instances of the support that are left out, percent.

    Args:
        fp32 (float): expected accuracy in float32, see
            :func:`mmvrec.fewshot.expected_accuracy.expected_right`.
        int8 (float): the same in eight bits.
        error (float): standard error of their difference, which is taken instance by instance.
    """

    fp32: float
    int8: float
    error: float

    @property
    def loss(self) -> float:
        """How much less it is in eight bits, points."""
        return self.fp32 - self.int8

    @classmethod
    def of(
        cls, left_out: LeftOutHeads, rows: Sequence[int], fp32: np.ndarray, int8: np.ndarray
    ) -> 'ExpectedAccuracy | None':
        """Compare features, (M', V, C), of support instances; None where none can be left out.

        Args:
            left_out (LeftOutHeads): judges them.
            rows (Sequence[int]): of each its row in the support.
            fp32 (np.ndarray): view features in float32.
            int8 (np.ndarray): the same in eight bits.
        """
        scores, labels = left_out.log_scores(fp32, rows)
        if not len(labels):
            return None
        before = 100 * expected_right(scores, labels)
        after = 100 * expected_right(left_out.log_scores(int8, rows)[0], labels)
        spread = float((before - after).std()) if len(labels) > 1 else 0.0
        return cls(float(before.mean()), float(after.mean()), spread / len(labels) ** 0.5)

    def __str__(self) -> str:
        """As ``90.1 % in float32, 89.8 ± 0.2 % in eight bits``."""
        return f'{self.fp32:.1f} % in float32, {self.int8:.1f} ± {self.error:.1f} % in eight bits'


def quantised_graph(
    graph: Path,
    samples: Samples,
    reference: np.ndarray,
    fitted: FittedClassifier,
    left_out: LeftOutHeads,
    engine: str,
) -> tuple[Path, dict[str, object]]:
    """Quantise a graph after training, calibrated on views.

    Where that costs more than half a point of the expected accuracy, or other labels than
    :func:`mmvrec.deployment.parity.check_parity` allows, the layers that suffer most stay in
    float32: a sixteenth of them, then twice as many up to one half, then three quarters. The
    accuracy is that of support instances that are left out, each counted by how far it is right
    (:func:`mmvrec.fewshot.expected_accuracy.expected_right`): of 25 instances a single one that
    changes sides would be 4 points.

    Args:
        graph (Path): in float32; files are written beside it.
        samples (Samples): views; those of the support come first.
        reference (np.ndarray): their features in float32, (M, V, C).
        fitted (FittedClassifier): the classifier.
        left_out (LeftOutHeads): estimates its accuracy.
        engine (str): see :class:`Session`.

    Returns:
        tuple[Path, dict[str, object]]: the graph, and what was done: ``layers``, their number;
        ``float_layers``, names of those kept in float32; ``leave_one_out``, see
        :class:`ExpectedAccuracy`, None where nothing can be left out.

    Raises:
        ValueError: three quarters of the layers in float32 are not enough.
    """
    prepared, path, ranges = (
        graph.with_name(name) for name in ('prepared.onnx', 'int8.onnx', 'ranges.json')
    )
    layers = prepare(graph, prepared)
    rows = samples.support_rows
    labels = fitted.scores(torch.from_numpy(reference)).argmax(1)
    worst: list[str] = []
    for share in _KEPT:
        kept = worst[: math.ceil(share * len(worst))]
        to_int8(prepared, path, samples.views[: len(rows)], kept, ranges)
        session = Session(path, engine, 'int8')
        feats = np.stack([session(views) for views in samples.views])
        other = int(fitted.scores(torch.from_numpy(feats)).argmax(1).ne(labels).sum())
        accuracy = ExpectedAccuracy.of(left_out, rows, reference[: len(rows)], feats[: len(rows)])
        is_as_right = accuracy is None or accuracy.loss <= MAX_LOSS
        if is_as_right and other <= allowed_other_labels(len(labels)):
            estimate = None if accuracy is None else asdict(accuracy)
            return path, {
                'layers': len(layers),
                'float_layers': kept,
                'leave_one_out': estimate,
            }
        worst = worst or by_damage(prepared, ranges, layers, samples.views[0])
    raise ValueError(
        'eight bits cost too much, also with three quarters of the layers in float32: expected '
        f'accuracy {accuracy or "not known"}, {other} of {len(labels)} labels differ; export '
        'with --precision fp16'
    )
