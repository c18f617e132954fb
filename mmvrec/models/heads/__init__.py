from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.zip_adapter import ZipAdapterHead

__all__ = ['FewShotHead', 'ZipAdapterHead']
