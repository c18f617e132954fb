from mmvrec.models.backbones import AlphaCLIP
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.data_preprocessor import MultiViewDataPreprocessor
from mmvrec.models.heads import FewShotHead, ZipAdapterHead

__all__ = [
    'AlphaCLIP',
    'FewShotHead',
    'MVRECClassifier',
    'MultiViewDataPreprocessor',
    'ZipAdapterHead',
]
