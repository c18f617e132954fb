"""What clean surface looks like, patch by patch, and how far from it other patches are."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from mmvrec.finding.coreset import greedy_coreset

#: Patches of all photos from which the memory is chosen; more are drawn from at random.
_POOL = 40_000
#: Distances that are held at once.
_CHUNK = 4096


@dataclass(frozen=True)
class PatchMemory:
    """Features of patches of clean surface (PatchCore: Roth et al., CVPR 2022).

    Args:
        feats (Tensor): float32, (P, C).
        groups (Tensor): number of the part that each is of, int64, (P,).
    """

    feats: Tensor
    groups: Tensor

    @classmethod
    def choose(
        cls,
        feats: Sequence[Tensor],
        clean: Sequence[np.ndarray],
        groups: Sequence[int],
        number: int,
        seed: int = 0,
    ) -> 'PatchMemory':
        """Choose patches that stand for all that are clean.

        Args:
            feats (Sequence[Tensor]): features of each photo, float, (C, h, w).
            clean (Sequence[np.ndarray]): which of its patches are, bool, (h, w).
            groups (Sequence[int]): number of the part that each photo shows.
            number (int): patches that are kept, at most.
            seed (int): the same gives the same memory. Defaults to 0.

        Raises:
            ValueError: no patch is clean.
        """
        generator = torch.Generator().manual_seed(seed)
        most = -(-_POOL // len(feats))
        pool, parts = [], []
        for own, mask, group in zip(feats, clean, groups, strict=True):
            rows = torch.from_numpy(np.flatnonzero(mask))
            rows = rows[torch.randperm(len(rows), generator=generator)[:most]]
            pool.append(own.flatten(1)[:, rows].T.float())
            parts.append(torch.full((len(rows),), group))
        all_feats, all_groups = torch.cat(pool), torch.cat(parts)
        if not len(all_feats):
            raise ValueError(
                'no part of the photos is without annotation, so that it is not known what clean '
                'surface looks like; add photos without a defect'
            )
        rows = greedy_coreset(all_feats, number, seed)
        return cls(all_feats[rows], all_groups[rows])

    def without(self, group: int) -> 'PatchMemory':
        """The memory of the other parts.

        Raises:
            ValueError: there is none.
        """
        others = self.groups != group
        if not others.any():
            raise ValueError(
                'clean surface of at least two different parts is needed, to judge each by others'
            )
        return PatchMemory(self.feats[others], self.groups[others])

    def distances(self, feats: Tensor) -> Tensor:
        """Euclidean distance of patches to the nearest of the memory.

        Args:
            feats (Tensor): float, (C, h, w).

        Returns:
            Tensor: float32, (h, w).
        """
        rows = feats.flatten(1).T.float().split(_CHUNK)
        nearest = torch.cat([torch.cdist(part, self.feats).amin(1) for part in rows])
        return nearest.view(feats.shape[1:])


def heat_map_of(distances: Tensor, shape: tuple[int, int], smoothing: float) -> np.ndarray:
    """Bring distances of patches to the size of the image, and smooth them.

    Args:
        distances (Tensor): float32, (h, w).
        shape (tuple[int, int]): height and width of the image, pixels.
        smoothing (float): standard deviation of the Gaussian, in patches.

    Returns:
        np.ndarray: float32, (H, W).
    """
    grid = cv2.GaussianBlur(distances.numpy(), (0, 0), smoothing, borderType=cv2.BORDER_REFLECT)
    return cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_LINEAR)
