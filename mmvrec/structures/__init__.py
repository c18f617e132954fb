from mmvrec.structures.feature_bank import UNLABELLED, FeatureBank
from mmvrec.structures.instance import InstanceRecord
from mmvrec.structures.label_space import LabelSpace, usual_spellings
from mmvrec.structures.masks import decode_mask, encode_mask, mask_bbox
from mmvrec.structures.orientation import annotation_orientation, turn_box, turn_mask, turn_points
from mmvrec.structures.provenance import (
    MADE_ELSEWHERE,
    Provenance,
    all_licences,
    describe_sources,
)
from mmvrec.structures.view_plan import ViewPlan

__all__ = [
    'MADE_ELSEWHERE',
    'UNLABELLED',
    'FeatureBank',
    'InstanceRecord',
    'LabelSpace',
    'Provenance',
    'ViewPlan',
    'all_licences',
    'annotation_orientation',
    'decode_mask',
    'describe_sources',
    'encode_mask',
    'mask_bbox',
    'turn_box',
    'turn_mask',
    'turn_points',
    'usual_spellings',
]
