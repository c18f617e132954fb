from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.gda import GDAHead
from mmvrec.models.heads.kernel_ridge import KernelRidgeHead
from mmvrec.models.heads.knn import KNNHead
from mmvrec.models.heads.linear_probe import LinearProbeHead
from mmvrec.models.heads.proto_net import ProtoNetHead
from mmvrec.models.heads.zip_adapter import ZipAdapterHead
from mmvrec.models.heads.zip_adapter_f import ZipAdapterFHead

__all__ = [
    'FewShotHead',
    'GDAHead',
    'KNNHead',
    'KernelRidgeHead',
    'LinearProbeHead',
    'ProtoNetHead',
    'ZipAdapterFHead',
    'ZipAdapterHead',
]
