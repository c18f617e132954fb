# Each class in turn is left out of the support set: are its queries told from the others?
_base_ = './zipaf_5shot_neudet_tiny.py'

test_cfg = dict(type='OpenSetTestLoop')
test_evaluator = [
    dict(type='FewShotAccuracy'),
    dict(type='CalibrationError'),
    dict(type='OpenSetAUROC'),
]
