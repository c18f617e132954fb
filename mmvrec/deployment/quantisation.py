"""Eight bits, as far as the leave-one-out estimate of the support allows."""

import math
from pathlib import Path

import numpy as np
import torch

from mmvrec.deployment.parity import MAX_OTHER_LABELS
from mmvrec.deployment.precision import by_damage, prepare, to_int8
from mmvrec.deployment.samples import Samples
from mmvrec.deployment.sessions import Session
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.left_out_heads import LeftOutHeads

#: Points of leave-one-out accuracy that eight bits may cost.
MAX_LOSS = 0.5
#: Shares of the layers that are tried to be kept in float32, the worst ones.
_KEPT = (0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4)


def quantised_graph(
    graph: Path,
    samples: Samples,
    reference: np.ndarray,
    fitted: FittedClassifier,
    left_out: LeftOutHeads,
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
        left_out (LeftOutHeads): estimates its accuracy.
        engine (str): see :class:`Session`.

    Returns:
        tuple[Path, dict[str, object]]: the graph, and what was done: ``layers``, their number;
        ``float_layers``, names of those kept in float32; ``leave_one_out``, percent in ``fp32`` and
        ``int8``, None where nothing can be left out.

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
        other = fitted.scores(torch.from_numpy(feats)).argmax(1).ne(labels).float().mean().item()
        is_close = best is None or best - accuracy <= MAX_LOSS
        if is_close and other <= MAX_OTHER_LABELS:
            estimate = {'fp32': best, 'int8': accuracy}
            return path, {
                'layers': len(layers),
                'float_layers': kept,
                'leave_one_out': estimate,
            }
        worst = worst or by_damage(prepared, path, layers, samples.views[0])
    raise ValueError(
        'eight bits cost too much, also with three quarters of the layers in float32: '
        f'leave-one-out accuracy {accuracy} % instead of {best} %, {100 * other:.1f} % of the '
        'labels differ; export with --precision fp16'
    )
