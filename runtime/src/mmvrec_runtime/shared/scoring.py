"""From view features to class probabilities and similarities, in double precision.

What :mod:`mmvrec.models.heads` does with a fitted head of one of two forms:

- ``linear``: ``W x + b`` of features of length 1, of every group of views with its own weight
  (G, N, C) and bias (G, N);
- ``attention``: ``exp(-beta (1 - cos(p(x), keys))) @ values / tau`` with keys (M, C) of length 1
  and values (M, N), where ``p(x) = x + silu(P x + q)`` if there is a projection P, q.

NumPy alone: mmvrec-runtime has a copy of this file, to the byte.
"""

from collections.abc import Mapping

import numpy as np

FORMS = ('linear', 'attention')
VIEW_MERGING = ('feature', 'logits', 'entropy')
_EPS = np.finfo(np.float64).eps


def head_logits(
    feats: np.ndarray, settings: Mapping[str, object], arrays: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Logits of instances, their views merged.

    Args:
        feats (np.ndarray): view features, float, (B, V, C).
        settings (Mapping): ``form``, ``merge_views``, ``view_indices`` (None for all), ``groups``
            of views; of attention also ``beta`` and ``tau``.
        arrays (Mapping[str, np.ndarray]): ``weight`` and ``bias``; or ``keys``, ``values`` and
            perhaps ``projection_weight`` (C, C) and ``projection_bias`` (C,).

    Returns:
        np.ndarray: float64, (B, N); with ``entropy`` merging logarithms of probabilities, up to a
        constant.
    """
    feats = np.asarray(feats, np.float64)
    if settings['view_indices'] is not None:
        feats = feats[:, settings['view_indices']]
    grouped = feats.reshape(len(feats), settings['groups'], -1, feats.shape[-1])
    if settings['merge_views'] == 'feature':
        grouped = grouped.mean(2, keepdims=True)
    class_logits = _linear if settings['form'] == 'linear' else _attention
    logits = class_logits(grouped, settings, arrays)
    logits = logits.reshape(len(feats), -1, logits.shape[-1])
    return _merge_by_entropy(logits) if settings['merge_views'] == 'entropy' else logits.mean(1)


def probabilities(log_scores: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Softmax whose order is that of the logits.

    Where rounding to float32 has made scores equal that are not, the larger are raised by the last
    digit, see :func:`mmvrec.models.heads.scores.probabilities`.

    Args:
        log_scores (np.ndarray): float64, (B, N).
        temperature (float): by which they are divided. Defaults to 1.

    Returns:
        np.ndarray: float32, (B, N).
    """
    order = np.argsort(log_scores, axis=-1, kind='stable')
    ordered = np.take_along_axis(log_scores, order, -1)
    steps = softmax(ordered / temperature).astype(np.float32).view(np.int32)
    rank = np.cumsum(np.diff(ordered, axis=-1, prepend=ordered[..., :1]) > 0, axis=-1)
    rank = rank.astype(np.int32)
    raised = (np.maximum.accumulate(steps - rank, axis=-1) + rank).view(np.float32)
    scores = np.empty_like(raised)
    np.put_along_axis(scores, order, raised, -1)
    return scores


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last dimension, of the same shape."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def normalize(feats: np.ndarray) -> np.ndarray:
    """Features of length 1, (..., C); those of length 0 stay so."""
    return feats / np.maximum(np.linalg.norm(feats, axis=-1, keepdims=True), 1e-12)


def similarities(feats: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Cosine of mean features, of queries (B, V, C) and of the support (M, V, C), to (B, M)."""
    return normalize(feats.mean(1)) @ normalize(support.mean(1)).T


def typicality(
    feats: np.ndarray, settings: Mapping[str, object], arrays: Mapping[str, np.ndarray]
) -> np.ndarray | None:
    """How far instances are like the support; the larger, the more.

    Minus the squared Mahalanobis distance of the mean unit view to the nearest class mean where the
    head has a whitening, see :meth:`mmvrec.models.heads.RegionGaussianHead.typicality`; else the
    cosine to the nearest support instance.

    Args:
        feats (np.ndarray): view features, float, (B, V, C).
        settings (Mapping): see :func:`head_logits`.
        arrays (Mapping[str, np.ndarray]): ``rejection_means`` (N, C) and ``rejection_whitening``
            (C, C), or ``support_feats`` (M, V, C).

    Returns:
        np.ndarray | None: float, (B,); None where neither is known.
    """
    if 'rejection_whitening' not in arrays:
        support = arrays.get('support_feats')
        return None if support is None else similarities(feats, support).max(1)
    if settings['view_indices'] is not None:
        feats = feats[:, settings['view_indices']]
    centres = normalize(feats.astype(np.float64)).mean(1)
    offsets = centres[:, None] - arrays['rejection_means']
    whitened = offsets @ arrays['rejection_whitening'].T.astype(np.float64)
    return -(whitened**2).sum(-1).min(1)


def _linear(grouped: np.ndarray, settings: Mapping, arrays: Mapping) -> np.ndarray:
    """Logits (B, G, v, N) of features (B, G, v, C)."""
    logits = normalize(grouped) @ arrays['weight'].astype(np.float64).swapaxes(1, 2)
    return logits + arrays['bias'][:, None]


def _attention(grouped: np.ndarray, settings: Mapping, arrays: Mapping) -> np.ndarray:
    """Logits (B, G, v, N) of features (B, G, v, C)."""
    if 'projection_weight' in arrays:
        linear = grouped @ arrays['projection_weight'].astype(np.float64).T
        linear += arrays['projection_bias']
        grouped = grouped + linear / (1 + np.exp(-linear))
    affinity = np.exp(-settings['beta'] * (1 - normalize(grouped) @ arrays['keys'].T))
    return affinity @ arrays['values'] / settings['tau']


def _merge_by_entropy(logits: np.ndarray) -> np.ndarray:
    """As :func:`mmvrec.models.heads.scores.log_merge_by_entropy`, (B, V, N) to (B, N)."""
    certainties = _certainty(logits)
    total = certainties.sum(1, keepdims=True)
    uniform = np.full_like(certainties, 1 / certainties.shape[1])
    weights = np.divide(certainties, total, out=uniform, where=total > 0)[..., None]
    merged = (weights * softmax(logits)).sum(1) * logits.shape[-1]
    # N p - 1 has the digits of views that are nearly uniform, which p would not.
    powers = np.expm1(logits - logits.max(-1, keepdims=True))
    mean = powers.mean(-1, keepdims=True)
    excess = (weights * (powers - mean) / (1 + mean)).sum(1)
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.where(np.abs(excess) < 0.5, np.log1p(excess), np.log(merged))


def _certainty(logits: np.ndarray) -> np.ndarray:
    """One minus the normalised entropy, also where it is tiny, (..., N) to (...)."""
    centred = logits - logits.mean(-1, keepdims=True)
    log_n = np.log(logits.shape[-1])
    series = ((centred**2).mean(-1) / 2 + (centred**3).mean(-1) / 3) / log_n
    p = softmax(logits)
    entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(-1)
    return np.where(np.abs(centred).max(-1) < _EPS**0.25, series, 1 - entropy / log_n)
