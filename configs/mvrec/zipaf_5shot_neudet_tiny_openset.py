# Each class in turn is left out of the support set: are its queries told from the others?
_base_ = ['_base_/zipaf_tiny.py', '../_base_/datasets/neudet_tiny.py', '../_base_/5shot.py']

test_cfg = dict(type='OpenSetTestLoop')
test_evaluator = [
    dict(type='FewShotAccuracy'),
    dict(type='CalibrationError'),
    dict(type='OpenSetAUROC'),
]
