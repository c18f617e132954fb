from .generated_crops import GeneratedCrops
from .pretrainer import TinyAlphaCLIPPretrainer

__all__ = ['GeneratedCrops', 'TinyAlphaCLIPPretrainer']
