from mmvrec.models.backbones import AlphaCLIP
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.data_preprocessor import MultiViewDataPreprocessor
from mmvrec.models.heads import (
    FewShotHead,
    GDAHead,
    KernelRidgeHead,
    KNNHead,
    LinearProbeHead,
    ProtoNetHead,
    ZipAdapterFHead,
    ZipAdapterHead,
)

__all__ = [
    'AlphaCLIP',
    'FewShotHead',
    'GDAHead',
    'KNNHead',
    'KernelRidgeHead',
    'LinearProbeHead',
    'MVRECClassifier',
    'MultiViewDataPreprocessor',
    'ProtoNetHead',
    'ZipAdapterFHead',
    'ZipAdapterHead',
]
