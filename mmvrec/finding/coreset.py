"""Few features that stand for many."""

import torch
from torch import Tensor

#: Channels that distances are taken in, after a random projection.
_PROJECTED = 64


def greedy_coreset(feats: Tensor, number: int, seed: int = 0) -> Tensor:
    """Choose features so that none is far from a chosen one.

    Greedy k-centre: the one that is farthest from all chosen ones is next, which is at most twice
    as far from the best choice (Gonzalez, 1985). As in PatchCore (Roth et al., CVPR 2022),
    distances are taken after a random linear projection (Johnson and Lindenstrauss), which keeps
    them within a few per cent.

    Args:
        feats (Tensor): float32, (P, C).
        number (int): how many are wanted, at least 1.
        seed (int): of the projection. Defaults to 0.

    Returns:
        Tensor: their rows, int64, (min(number, P),), in the order of choice; the first is row 0.
    """
    if number >= len(feats):
        return torch.arange(len(feats))
    generator = torch.Generator().manual_seed(seed)
    if feats.shape[1] > _PROJECTED:
        directions = torch.randn(feats.shape[1], _PROJECTED, generator=generator)
        feats = feats @ (directions / _PROJECTED**0.5)
    squares = feats.square().sum(1)
    distances = torch.full((len(feats),), torch.inf)
    chosen = [0]
    while len(chosen) < number:
        last = chosen[-1]
        to_last = squares - 2 * (feats @ feats[last]) + squares[last]
        distances = torch.minimum(distances, to_last)
        chosen.append(int(distances.argmax()))
    return torch.tensor(chosen)
