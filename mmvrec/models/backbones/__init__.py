from mmvrec.models.backbones.alphaclip import AlphaCLIP

__all__ = ['AlphaCLIP']
