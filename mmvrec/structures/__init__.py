from mmvrec.structures.feature_bank import FeatureBank
from mmvrec.structures.masks import decode_mask, encode_mask, mask_bbox

__all__ = ['FeatureBank', 'decode_mask', 'encode_mask', 'mask_bbox']
