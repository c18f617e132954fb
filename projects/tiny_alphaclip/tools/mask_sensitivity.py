"""Does a feature describe the region that the mask names? Measured on generated images.

    PYTHONPATH=. mask_sensitivity.py [CHECKPOINT] [--images 200]   # 'random': random weights

Every image has two defects. The same 27 crops are embedded twice, with the mask of one defect and
with that of the other. Compared are the cosines of the two features of one crop, which has the same
pixels both times, and those of two crops under one mask.
"""

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from rich.progress import track
from torch import nn

from mmvrec.registry import MODELS, TRANSFORMS
from mmvrec.synthesis import DEFECTS, SURFACES
from mmvrec.synthesis.compose import photograph

_SIDE = 224
#: Not a seed of the training, whose first seed is 0.
_SEED = 1_000_001


def draw(index: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """An image, uint8 (224, 224, 3), and the masks of its two defects, uint8 (224, 224)."""
    rng = np.random.default_rng([_SEED, index])
    surface = list(SURFACES)[rng.integers(len(SURFACES))]
    image = photograph(rng, SURFACES[surface](rng, (_SIDE, _SIDE)))
    masks = []
    for defect in rng.choice(list(DEFECTS), 2, replace=False):
        image, mask = DEFECTS[defect](rng, image)
        masks.append(mask)
    return image, masks


def cosines(feats: torch.Tensor, visible: torch.Tensor) -> tuple[float, float]:
    """Mean cosines of one image: other mask, same crop; and same mask, other crop.

    Args:
        feats (Tensor): float, (2, V, C), under either mask.
        visible (Tensor): bool, (2, V), whether the crop shows the defect of the mask.

    Returns:
        tuple[float, float]: NaN where no pair of crops shows what is compared.
    """
    feats = F.normalize(feats, dim=-1)
    both = visible.all(dim=0)
    other_mask = (feats[0] * feats[1]).sum(dim=-1)[both].mean()
    pairs = ~torch.eye(feats.shape[1], dtype=torch.bool)
    same_mask = torch.cat(
        [(f @ f.T)[pairs & shown[:, None] & shown] for f, shown in zip(feats, visible, strict=True)]
    )
    return float(other_mask), float(same_mask.mean())


def build_model(checkpoint: str) -> nn.Module:
    """The classifier with the embedded architecture; ``random`` are random weights."""
    init_default_scope('mmvrec')
    backbone = dict(type='AlphaCLIP', arch='tiny', random_seed=0)
    if checkpoint != 'random':
        backbone['checkpoint'] = checkpoint
    model = MODELS.build(
        dict(type='MVRECClassifier', backbone=backbone, head=dict(type='ZipAdapterHead'))
    )
    model.backbone.init_weights()
    return model.eval()


@torch.no_grad()
def features(
    model: nn.Module, image: np.ndarray, masks: list[np.ndarray]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (2, V, C) of the crops of an image under two masks, and where these are seen."""
    views = TRANSFORMS.build(
        dict(type='MultiViewRegionContext', scales=(192, 224, 256), img_size=112)
    )
    box = [0, 0, _SIDE, _SIDE]
    inputs = torch.stack(
        [views.transform({'img': image, 'bbox': box, 'instance_mask': m})['views'] for m in masks]
    )
    visible = (inputs[:, :, 3] > 127).flatten(2).any(dim=2)
    return model(model.data_preprocessor({'inputs': inputs})['inputs']), visible


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoint', nargs='?', default='mvrec-tiny')
    parser.add_argument('--images', type=int, default=200)
    args = parser.parse_args()
    model = build_model(args.checkpoint)
    images = track(range(args.images), 'Embedding images')
    table = np.array([cosines(*features(model, *draw(index))) for index in images])
    for name, values in zip(
        ('other mask, same crop', 'same mask, other crop'), table.T, strict=True
    ):
        kept = values[np.isfinite(values)]
        print(f'{name}: mean cosine {kept.mean():.3f} ± {kept.std(ddof=1):.3f}, {len(kept)} images')


if __name__ == '__main__':
    main()
