from mmvrec.models.backbones.alphaclip import AlphaCLIP
from mmvrec.models.backbones.base import ViewBackbone
from mmvrec.models.backbones.fused import FusedBackbone
from mmvrec.models.backbones.timm_region import TimmRegion

__all__ = ['AlphaCLIP', 'FusedBackbone', 'TimmRegion', 'ViewBackbone']
