"""From logits to probabilities, also where float32 would see no difference between classes."""

import math

import torch
from torch import Tensor


def probabilities(log_scores: Tensor, temperature: float = 1.0) -> Tensor:
    """Softmax whose order is that of the logits.

    Attention over unlike support instances gives logits that differ by 1e-9, whose softmax is the
    same for all classes in float32. Where rounding has made scores equal that are not, the larger
    are raised by the last digit.

    Args:
        log_scores (Tensor): logits, or logarithms of probabilities, float, (..., N).
        temperature (float): by which they are divided; above 1 makes them less sure. Defaults to 1.

    Returns:
        Tensor: float32, (..., N), each row summing to 1 but for rounding; of two different logits
        the larger has the larger probability.
    """
    ordered, order = log_scores.sort(dim=-1)
    # Positive floats are ordered as the integers with the same bits, and these count all floats.
    steps = (ordered / temperature).softmax(-1).float().view(torch.int32)
    rank = (ordered.diff(dim=-1) > 0).cumsum(-1, dtype=torch.int32)
    rank = torch.cat([torch.zeros_like(steps[..., :1]), rank], dim=-1)
    raised = ((steps - rank).cummax(-1).values + rank).view(torch.float32)
    return torch.empty_like(raised).scatter_(-1, order, raised)


def normalized_entropy(probabilities: Tensor) -> Tensor:
    """Entropy over the last dimension divided by that of the uniform distribution, in [0, 1]."""
    entropy = torch.special.entr(probabilities).sum(-1)
    return entropy / math.log(probabilities.shape[-1])


def certainty(logits: Tensor) -> Tensor:
    """Compute one minus the normalised entropy of the softmax, (..., N) to (...), even if tiny.

    It is the divergence from the uniform distribution over its greatest value, log N. Of logits
    that are nearly equal rounding would leave little of it: there it is the beginning of its series
    in their cumulants, ``k_2 / 2 + k_3 / 3 + k_4 / 8``.
    """
    centred = logits - logits.mean(-1, keepdim=True)
    second, third, fourth = (centred.pow(power).mean(-1) for power in (2, 3, 4))
    divergence = second / 2 + third / 3 + (fourth - 3 * second.square()) / 8
    divergence = divergence / math.log(logits.shape[-1])
    spread = centred.abs().amax(-1)
    near = spread < torch.finfo(logits.dtype).eps ** 0.2
    return torch.where(near, divergence, 1 - normalized_entropy(logits.softmax(-1)))


def log_merge_by_entropy(logits: Tensor) -> Tensor:
    """Merge the views' probabilities, sure views weighing more.

    A view's weight is one minus its normalised entropy, and the weights of an instance sum to 1;
    where no view is sure of anything, all weigh the same.

    Args:
        logits (Tensor): float, (B, V, N).

    Returns:
        Tensor: logarithms of N times the probabilities, float, (B, N).
    """
    certainties = certainty(logits)
    total = certainties.sum(1, keepdim=True)
    uniform = torch.full_like(certainties, 1 / certainties.shape[1])
    weights = torch.where(total > 0, certainties / total, uniform)[..., None]
    merged = (weights * logits.softmax(-1)).sum(1)
    # N p - 1 has the digits of views that are nearly uniform, which p would not.
    powers = torch.expm1(logits - logits.amax(-1, keepdim=True))
    mean = powers.mean(-1, keepdim=True)
    excess = (weights * (powers - mean) / (1 + mean)).sum(1)
    return torch.where(excess.abs() < 0.5, excess.log1p(), (merged * logits.shape[-1]).log())


def merge_by_entropy(logits: Tensor) -> Tensor:
    """Compute the probabilities (B, N) of :func:`log_merge_by_entropy`."""
    return log_merge_by_entropy(logits).softmax(-1)
