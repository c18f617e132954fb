_base_ = [
    '_base_/zipaf-ce_featurebank.py',
    '../_base_/datasets/featurebank.py',
    '../_base_/1shot.py',
]
