from mmvrec.structures.feature_bank import UNLABELLED, FeatureBank
from mmvrec.structures.masks import decode_mask, encode_mask, mask_bbox
from mmvrec.structures.orientation import annotation_orientation, turn_box, turn_mask, turn_points
from mmvrec.structures.task_classes import class_range, joint_class_names, usual_spellings

__all__ = [
    'UNLABELLED',
    'FeatureBank',
    'annotation_orientation',
    'class_range',
    'decode_mask',
    'encode_mask',
    'joint_class_names',
    'mask_bbox',
    'turn_box',
    'turn_mask',
    'turn_points',
    'usual_spellings',
]
