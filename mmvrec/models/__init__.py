# The registry keeps MMPretrain from importing what may not be importable: it comes first.
import mmvrec.registry  # noqa: F401
from mmvrec.models.backbones import AlphaCLIP, FusedBackbone, TimmRegion, ViewBackbone
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.data_preprocessor import MultiViewDataPreprocessor
from mmvrec.models.heads import (
    CLIPAdapterHead,
    FewShotHead,
    GDAHead,
    KernelRidgeHead,
    KNNHead,
    LinearProbeHead,
    LPPlusPlusHead,
    ProtoNetHead,
    RegionGaussianHead,
    TextFusionHead,
    TipAdapterFHead,
    TipAdapterHead,
    ZeroShotHead,
    ZipAdapterFHead,
    ZipAdapterHead,
)
from mmvrec.models.text import CLIPText, StoredText
from mmvrec.utils.checkpoint import allow_mmengine_globals

allow_mmengine_globals()

__all__ = [
    'AlphaCLIP',
    'CLIPAdapterHead',
    'CLIPText',
    'FewShotHead',
    'FusedBackbone',
    'GDAHead',
    'KNNHead',
    'KernelRidgeHead',
    'LPPlusPlusHead',
    'LinearProbeHead',
    'MVRECClassifier',
    'MultiViewDataPreprocessor',
    'ProtoNetHead',
    'RegionGaussianHead',
    'StoredText',
    'TextFusionHead',
    'TimmRegion',
    'TipAdapterFHead',
    'TipAdapterHead',
    'ViewBackbone',
    'ZeroShotHead',
    'ZipAdapterFHead',
    'ZipAdapterHead',
]
