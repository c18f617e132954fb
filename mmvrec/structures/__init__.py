from mmvrec.structures.feature_bank import UNLABELLED, FeatureBank
from mmvrec.structures.masks import decode_mask, encode_mask, mask_bbox
from mmvrec.structures.task_classes import class_range, joint_class_names

__all__ = [
    'UNLABELLED',
    'FeatureBank',
    'class_range',
    'decode_mask',
    'encode_mask',
    'joint_class_names',
    'mask_bbox',
]
