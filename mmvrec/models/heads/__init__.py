from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.clip_adapter import CLIPAdapterHead
from mmvrec.models.heads.gda import GDAHead
from mmvrec.models.heads.kernel_ridge import KernelRidgeHead
from mmvrec.models.heads.knn import KNNHead
from mmvrec.models.heads.linear_probe import LinearProbeHead
from mmvrec.models.heads.lp_plus_plus import LPPlusPlusHead
from mmvrec.models.heads.proto_net import ProtoNetHead
from mmvrec.models.heads.region_gaussian import RegionGaussianHead
from mmvrec.models.heads.text_fusion import TextFusionHead
from mmvrec.models.heads.tip_adapter import TipAdapterFHead, TipAdapterHead
from mmvrec.models.heads.zero_shot import ZeroShotHead
from mmvrec.models.heads.zip_adapter import ZipAdapterHead
from mmvrec.models.heads.zip_adapter_f import ZipAdapterFHead

__all__ = [
    'CLIPAdapterHead',
    'FewShotHead',
    'GDAHead',
    'KNNHead',
    'KernelRidgeHead',
    'LPPlusPlusHead',
    'LinearProbeHead',
    'ProtoNetHead',
    'RegionGaussianHead',
    'TextFusionHead',
    'TipAdapterFHead',
    'TipAdapterHead',
    'ZeroShotHead',
    'ZipAdapterFHead',
    'ZipAdapterHead',
]
