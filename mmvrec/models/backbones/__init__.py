from mmvrec.models.backbones.alphaclip import AlphaCLIP
from mmvrec.models.backbones.base import ViewBackbone

__all__ = ['AlphaCLIP', 'ViewBackbone']
