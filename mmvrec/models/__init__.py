from mmvrec.models.backbones import AlphaCLIP

__all__ = ['AlphaCLIP']
