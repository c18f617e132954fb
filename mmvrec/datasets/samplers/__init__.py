from mmvrec.datasets.samplers.image_grouped import ImageGroupedSampler

__all__ = ['ImageGroupedSampler']
