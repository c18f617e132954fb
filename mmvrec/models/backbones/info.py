"""What is to be known of a backbone before it is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class BackboneInfo:
    """Method, paper and licence of a backbone.

    Args:
        method (str): how it was trained, and on what, for people.
        paper (str, optional): address of the paper.
        licence (str, optional): of the weights that its config names; None where not known.
    """

    method: str
    paper: str | None
    licence: str | None


#: Of models of timm, by what their names begin with; the first that fits.
METHODS = {
    'tf_efficientnet_lite': ('EfficientNet-Lite, ImageNet labels', '1905.11946'),
    'vit_base_patch14_reg1_tipsv2': ('TIPSv2, image and text', '2604.12012'),
    'vit_pe_core': ('Perception Encoder, image and text', '2504.13181'),
    'vit_small_patch14_reg4_dinov2': ('DINOv2, images alone', '2304.07193'),
    'vit_base_patch14_reg4_dinov2': ('DINOv2, images alone', '2304.07193'),
    'vit_small_patch16_dinov3': ('DINOv3, images alone', '2508.10104'),
    'vit_base_patch16_dinov3': ('DINOv3, images alone', '2508.10104'),
    'vit_base_patch16_siglip_224.v2': ('SigLIP 2, image and text', '2502.14786'),
    'vit_base_patch16_clip_224.laion2b': ('CLIP on LAION-2B, image and text', '2212.07143'),
    'vit_base_patch16_clip_224.datacompxl': ('CLIP on DataComp, image and text', '2304.14108'),
}


def timm_info(model: str, licence: str | None) -> BackboneInfo:
    """What is known of a model of timm."""
    for beginning, (method, paper) in METHODS.items():
        if model.startswith(beginning):
            return BackboneInfo(method, f'https://arxiv.org/abs/{paper}', licence)
    return BackboneInfo(f'{model} of timm', None, licence)


def joined_info(infos: Sequence[BackboneInfo]) -> BackboneInfo:
    """What is known of several backbones together; the paper is that of none of them."""
    licences = dict.fromkeys(info.licence for info in infos)
    known = None if None in licences else '; '.join(licences)
    return BackboneInfo(' + '.join(info.method for info in infos), None, known)
