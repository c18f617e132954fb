"""Defects as what is unlike the clean surface of the photos that somebody has annotated."""

from collections.abc import Iterable, Sequence

import numpy as np
from torch import Tensor

from mmvrec.finding.base import DetectedBoxes, Finder
from mmvrec.finding.components import regions_of, stable_threshold
from mmvrec.finding.patch_features import (
    check_masks,
    patch_backbone,
    patch_features,
    touched_patches,
)
from mmvrec.finding.patch_memory import PatchMemory, heat_map_of
from mmvrec.finding.threshold import LeftOutPhoto, threshold_of
from mmvrec.registry import FINDERS

#: Standard deviation of the Gaussian over the heat-map, in patches.
_SMOOTHING = 0.5
#: Pixels around an annotation that are not taken for clean: people outline sparingly.
_MARGIN = 16
#: Smallest region, pixels.
_SMALLEST = 16


@FINDERS.register_module()
class PatchMemoryFinder(Finder):
    """PatchCore's idea on photos with annotated defects: what is not annotated is clean.

    Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022. The memory is of
    patches that touch no annotation. Distances are divided by a threshold from the enrolled photos
    themselves, each looked at with the memory of the others, so that 1 is the same in all photos,
    and a photo may have no defect. Above it the number of regions that depends least on the
    threshold is taken (:func:`stable_threshold`). It finds what is unusual, be it of a kind that is
    annotated or not.

    Args:
        memory_size (int): patches that are kept. Defaults to 4000.
        max_side (int): larger photos are shrunk to it, pixels. Defaults to 1024.
        false_alarms (float): regions per enrolled photo that may be found where nothing is
            annotated; they set the threshold. Defaults to 0.5.
        seed (int): of the choice of the memory. Defaults to 0.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        memory_size: int = 4000,
        max_side: int = 1024,
        false_alarms: float = 0.5,
        seed: int = 0,
    ):
        if memory_size < 1 or max_side < 64 or not false_alarms >= 0:
            raise ValueError(
                'memory_size must be at least 1, max_side at least 64 and false_alarms not '
                f'negative, got {memory_size}, {max_side} and {false_alarms}'
            )
        self.memory_size = memory_size
        self.max_side = max_side
        self.false_alarms = false_alarms
        self.seed = seed
        self.backbone = patch_backbone()
        #: What is clean, the distance that is far from it, and the smallest region; set by
        #: :meth:`fit`.
        self.memory: PatchMemory | None = None
        self.threshold = 0.0
        self.min_area = 0

    def fit(
        self,
        images: Iterable[np.ndarray],
        masks: Iterable[np.ndarray],
        groups: Sequence[int] | None = None,
    ) -> 'PatchMemoryFinder':
        """Learn what clean surface looks like.

        Args:
            images (Iterable[np.ndarray]): photos, uint8, RGB, (H, W, 3); of any sizes.
            masks (Iterable[np.ndarray]): of all defects of each, bool, (N, H, W); N is 0 for a good
                photo.
            groups (Sequence[int], optional): photos of the same part have the same number, and are
                left out together. Defaults to None: every photo is of another part.

        Returns:
            PatchMemoryFinder: self.

        Raises:
            ValueError: photos of one part only, masks of another size, or nothing is clean.
        """
        feats, clean, unions, areas = [], [], [], []
        for index, (image, own) in enumerate(zip(images, masks, strict=True)):
            check_masks(index, image, own)
            feats.append(self.features(image).half())
            unions.append(own.any(0))
            clean.append(~touched_patches(unions[-1], tuple(feats[-1].shape[1:]), _MARGIN))
            areas += own.sum((1, 2)).tolist()
        self.min_area = max(min(areas, default=0), _SMALLEST)
        groups = range(len(feats)) if groups is None else groups
        self.memory = PatchMemory.choose(feats, clean, groups, self.memory_size, self.seed)
        photos = [
            LeftOutPhoto(self._map(own, union.shape, self.memory.without(group)), union)
            for own, union, group in zip(feats, unions, groups, strict=True)
        ]
        self.threshold = threshold_of(photos, self.false_alarms, self.min_area)
        return self

    def features(self, image: np.ndarray) -> Tensor:
        """Features of the patches of a photo, see :func:`patch_features`."""
        return patch_features(self.backbone, image, self.max_side)

    def _map(self, feats: Tensor, shape: tuple[int, int], memory: PatchMemory) -> np.ndarray:
        return heat_map_of(memory.distances(feats), shape, _SMOOTHING)

    def find(self, image: np.ndarray) -> DetectedBoxes:
        """Find regions unlike the memory; see the base class.

        Raises:
            ValueError: nothing is fitted yet.
        """
        if self.memory is None:
            raise ValueError('the finder has no memory yet: fit it on annotated photos')
        distances = self._map(self.features(image), image.shape[:2], self.memory)
        heat_map = distances / np.float32(self.threshold)
        threshold = stable_threshold(heat_map, 1.0, self.min_area)
        return regions_of(heat_map, threshold, self.min_area)
