"""Is an instance like anything in the support set?"""

import torch
import torch.nn.functional as F
from torch import Tensor


def similarities(feats: Tensor, support: Tensor) -> Tensor:
    """Compute cosines of the mean features of queries and of support instances.

    The features are the backbone's, before any head: what a head has been trained to tell apart
    says little about what it has never seen.

    Args:
        feats (Tensor): view features of the queries, float, (B, V, C).
        support (Tensor): those of the support instances, float, (M, V, C).

    Returns:
        Tensor: float, (B, M), in [-1, 1].
    """
    queries, keys = (F.normalize(x.mean(1), dim=-1) for x in (feats, support))
    return queries @ keys.T


def leave_one_out_threshold(
    support: Tensor, labels: Tensor, quantile: float = 0.05
) -> float | None:
    """Find the similarity below which an instance is unlike the support set.

    Every support instance is compared with all others, as if it were a query; of the greatest
    similarities that they have so, this is a low quantile. Instances without another of their class
    do not count: to the rest they are as an unknown class is.

    Args:
        support (Tensor): view features, float, (M, V, C).
        labels (Tensor): class indices, int64, (M,).
        quantile (float): share of known instances that may be rejected, in [0, 1]. Defaults to
            0.05.

    Returns:
        float | None: None where no class has two instances.
    """
    has_other = labels[:, None].eq(labels).sum(1) > 1
    if not has_other.any():
        return None
    nearest = similarities(support, support).fill_diagonal_(-torch.inf).amax(1)[has_other]
    return float(nearest.quantile(quantile))
