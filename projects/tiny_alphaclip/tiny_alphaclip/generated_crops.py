"""Crops of generated images, drawn when they are asked for."""

import cv2
import numpy as np
import torch
from mmpretrain.structures import DataSample
from torch.utils.data import Dataset

from mmvrec.registry import DATASETS
from mmvrec.structures import mask_bbox
from mmvrec.synthesis import DEFECTS, SURFACES
from mmvrec.synthesis.compose import photograph

from .descriptors import describe

_SURFACES, _DEFECTS = tuple(SURFACES), tuple(DEFECTS)


@DATASETS.register_module()
class GeneratedCrops(Dataset):
    """Views of two defects on one generated surface.

    Every item is an image of its own: a random surface with two random defects, of each of which
    ``views`` crops are taken, image and mask together, each with its own scale, offset, turn,
    light, blur and noise. So an item holds the same surface under two masks, and every mask in
    several contexts. Item i depends on nothing but seed and i.

    Args:
        length (int): number of items. Defaults to 1,000,000: no item is seen twice.
        views (int): crops per defect. Defaults to 2.
        img_size (int): side of the crops in pixels. Defaults to 112.
        seed (int): another seed gives other images. Defaults to 0.
        box_share (float): share of the defects whose mask is replaced by its box, as annotations
            without masks have it. Defaults to 0.4.
    """

    def __init__(
        self,
        length: int = 1_000_000,
        views: int = 2,
        img_size: int = 112,
        seed: int = 0,
        box_share: float = 0.4,
    ):
        self.length = length
        self.views = views
        self.img_size = img_size
        self.seed = seed
        self.box_share = box_share
        self.metainfo = {'surfaces': _SURFACES, 'defects': _DEFECTS}

    def __len__(self) -> int:
        """Number of items."""
        return self.length

    def full_init(self) -> None:
        """Nothing is to be loaded; MMEngine's loops ask for it."""

    def __getitem__(self, index: int) -> dict:
        """Draw an item.

        Returns:
            dict: ``inputs``, uint8 (2 * views, 4, S, S), first all views of one defect; and
            ``data_samples`` with ``surface`` (int), ``defects`` (int64, (2 * views,)) and
            ``descriptors`` (float32, (2 * views, D)).
        """
        rng = np.random.default_rng([self.seed, index])
        image, surface, defects, masks = self._draw(rng)
        crops = [self._crop(rng, image, mask) for mask in masks for _ in range(self.views)]
        sample = DataSample(
            metainfo={
                'surface': surface,
                'defects': torch.tensor(defects).repeat_interleave(self.views),
                'descriptors': torch.from_numpy(
                    np.stack([describe(c[..., :3], c[..., 3]) for c in crops])
                ),
            }
        )
        stacked = np.ascontiguousarray(np.stack(crops).transpose(0, 3, 1, 2))
        return {'inputs': torch.from_numpy(stacked), 'data_samples': sample}

    def _draw(self, rng: np.random.Generator):
        size = (int(rng.integers(168, 288)), int(rng.integers(168, 288)))
        surface = int(rng.integers(len(_SURFACES)))
        image = photograph(rng, SURFACES[_SURFACES[surface]](rng, size))
        defects = rng.choice(len(_DEFECTS), 2, replace=False).tolist()
        masks = []
        for defect in defects:
            image, mask = DEFECTS[_DEFECTS[defect]](rng, image)
            if rng.uniform() < self.box_share:
                x1, y1, x2, y2 = (int(value) for value in mask_bbox(mask))
                mask[y1:y2, x1:x2] = 255
            masks.append(mask)
        return image, surface, defects, masks

    def _crop(self, rng: np.random.Generator, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """One view, uint8 RGBA, (S, S, 4); what lies outside the image is black."""
        x1, y1, x2, y2 = mask_bbox(mask)
        extent = max(x2 - x1, y2 - y1, 12)
        side = extent * np.exp(rng.uniform(np.log(0.7), np.log(9)))
        offset = rng.uniform(-0.34, 0.34, 2) * max(side - extent, 0) + rng.normal(0, 0.03, 2) * side
        scale = self.img_size / side
        angle = rng.integers(4) * np.pi / 2 + rng.normal(0, 0.1)
        flip = rng.choice([-1, 1])
        turn = scale * np.array(
            [[flip * np.cos(angle), -np.sin(angle)], [flip * np.sin(angle), np.cos(angle)]]
        )
        centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2]) + offset
        matrix = np.hstack([turn, (self.img_size / 2 - turn @ centre)[:, None]])
        rgba = np.dstack([self._rephotograph(rng, image), mask])
        if scale < 0.6:  # Shrinking without blur would alias.
            rgba = cv2.GaussianBlur(rgba, (0, 0), 0.4 / scale)
        return cv2.warpAffine(rgba, matrix, (self.img_size,) * 2, flags=cv2.INTER_LINEAR)

    @staticmethod
    def _rephotograph(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
        """Another exposure, contrast, gamma, colour, focus and noise."""
        if rng.uniform() < 0.4:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        levels = np.arange(256, dtype=np.float32) / 255
        curve = levels ** np.exp(rng.normal(0, 0.25))
        curve = (curve - 0.5) * np.exp(rng.normal(0, 0.25)) + 0.5 + rng.normal(0, 0.1)
        image = cv2.LUT(image, np.clip(255 * curve, 0, 255).astype(np.uint8))
        if rng.uniform() < 0.3:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
        if rng.uniform() < 0.3:
            noise = rng.normal(0, rng.uniform(1, 7), image.shape[:2]).astype(np.float32)
            image = cv2.add(image, cv2.merge([noise] * 3), dtype=cv2.CV_8U)
        return image
