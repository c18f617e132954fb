"""Whether an exported classifier answers as the one that it was made from."""

from collections.abc import Mapping

import numpy as np
import torch

from mmvrec.deployment.scoring import head_logits, probabilities
from mmvrec.fewshot.fitted import FittedClassifier

#: The largest difference of a score in float32, and the largest share of other labels in less.
MAX_DIFFERENCE = 1e-4
MAX_OTHER_LABELS = 0.01


def allowed_other_labels(number: int) -> int:
    """How many labels may differ in less than float32: 1 % of so many, to the nearest number.

    Of 64 instances one may: that eight bits decide a tie the other way says nothing of the rest.
    """
    return round(MAX_OTHER_LABELS * number)


def check_parity(
    fitted: FittedClassifier,
    settings: Mapping[str, object],
    arrays: Mapping[str, np.ndarray],
    reference: np.ndarray,
    feats: np.ndarray,
    precision: str,
) -> dict[str, object]:
    """Compare scores of the same views.

    Args:
        fitted (FittedClassifier): what was exported.
        settings (Mapping): of its head, see :func:`mmvrec.deployment.heads.exported_head`.
        arrays (Mapping): of its head.
        reference (np.ndarray): features by the backbone, float32, (M, V, C).
        feats (np.ndarray): those by the exported graph.
        precision (str): ``fp32``, ``fp16`` or ``int8``.

    Returns:
        dict[str, object]: ``instances``, ``other_labels`` (number of those whose label differs) and
        ``largest_difference`` of a score.

    Raises:
        ValueError: in float32 a score differs by more than 1e-4 or a label differs; in less more
            labels differ than :func:`allowed_other_labels`.
    """
    expected = fitted.scores(torch.from_numpy(reference)).numpy()
    scores = probabilities(head_logits(feats, settings, arrays), fitted.temperature)
    other = int((scores.argmax(1) != expected.argmax(1)).sum())
    difference = float(np.abs(scores - expected).max())
    report = {
        'instances': len(feats),
        'other_labels': other,
        'largest_difference': difference,
    }
    allowed = 0 if precision == 'fp32' else allowed_other_labels(len(feats))
    # Not greater, said so that NaN fails.
    is_close = precision != 'fp32' or difference <= MAX_DIFFERENCE
    if other > allowed or not is_close or not np.isfinite(difference):
        raise ValueError(
            f'the exported classifier does not answer as the one it was made from: {other} of '
            f'{len(feats)} labels differ, a score by {difference:.2g}; nothing is written'
        )
    return report
