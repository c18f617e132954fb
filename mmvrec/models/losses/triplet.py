"""Batch-hard triplet loss."""

import torch
import torch.nn.functional as F
from torch import Tensor

DISTANCES = ('euclidean', 'normalized')


def batch_hard_triplet_loss(
    embeddings: Tensor, labels: Tensor, margin: float = 0.5, distance: str = 'euclidean'
) -> Tensor:
    """Average ``max(0, margin + hardest positive - hardest negative)`` over anchors.

    The hardest positive is the farthest embedding of the anchor's class, the hardest negative the
    nearest one of another class (`In Defense of the Triplet Loss
    <https://arxiv.org/abs/1703.07737>`_; equation 5 of MVREC).

    Args:
        embeddings (Tensor): float, (B, C).
        labels (Tensor): class of each, int64, (B,); at least two classes.
        margin (float): defaults to 0.5.
        distance (str): ``euclidean`` (default, as published) or ``normalized``, the same between
            embeddings of length 1.

    Returns:
        Tensor: float scalar, at least 0.

    Raises:
        ValueError: an unknown distance, or fewer than two classes.
    """
    if distance not in DISTANCES:
        raise ValueError(f'distance must be one of {DISTANCES}, got {distance!r}')
    same = labels[:, None] == labels
    if same.all():
        raise ValueError(f'the triplet loss needs at least two classes, got {labels.unique()}')
    if distance == 'normalized':
        embeddings = F.normalize(embeddings, dim=-1)
    positive, negative = hardest_distances(embeddings, same)
    return F.relu(margin + positive - negative).mean()


def hardest_distances(embeddings: Tensor, same: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of every embedding to its hardest positive and its hardest negative.

    Args:
        embeddings (Tensor): float, (B, C).
        same (Tensor): bool, (B, B), whether two are of one class.

    Returns:
        tuple[Tensor, Tensor]: float, (B,) each.
    """
    # Chosen without gradients: only two of the B distances of an anchor have any.
    with torch.no_grad():
        distances = torch.cdist(embeddings, embeddings)
        farthest = distances.masked_fill(~same, -torch.inf).argmax(1)
        nearest = distances.masked_fill(same, torch.inf).argmin(1)
    # Unlike that of indexing, the gradient of index_select is summed in the same order every time.
    return (
        torch.linalg.vector_norm(embeddings - embeddings.index_select(0, farthest), dim=1),
        torch.linalg.vector_norm(embeddings - embeddings.index_select(0, nearest), dim=1),
    )
