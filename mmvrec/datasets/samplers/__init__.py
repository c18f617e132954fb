from mmvrec.datasets.samplers.episode import EpisodeSampler
from mmvrec.datasets.samplers.image_grouped import ImageGroupedSampler

__all__ = ['EpisodeSampler', 'ImageGroupedSampler']
