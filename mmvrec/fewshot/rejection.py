"""Is an instance like anything in the support set?"""

import torch.nn.functional as F
from torch import Tensor

from mmvrec.fewshot.leave_out import leave_out_blocks
from mmvrec.models.heads import FewShotHead


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
    head: FewShotHead, support: Tensor, labels: Tensor, quantile: float = 0.05
) -> float | None:
    """Find the typicality below which an instance is unlike the support set.

    Every support instance is judged as if it were a query (:meth:`FewShotHead.typicality`); of
    what they have so, this is a low quantile. Instances without another of their class do not
    count: to the rest they are as an unknown class is.

    Args:
        head (FewShotHead): fitted on the support.
        support (Tensor): view features, float, (M, V, C).
        labels (Tensor): class indices, int64, (M,).
        quantile (float): share of known instances that may be rejected, in [0, 1]. Defaults to
            0.05.

    Returns:
        float | None: None where no class has two instances.
    """
    blocks = leave_out_blocks(labels)
    if not blocks:
        return None
    typical = head.leave_out_typicality(support, labels, blocks)
    return float(typical[typical.isfinite()].quantile(quantile))
