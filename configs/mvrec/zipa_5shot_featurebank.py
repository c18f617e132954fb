_base_ = [
    '../_base_/models/feature_bank.py',
    '../_base_/datasets/feature_bank.py',
    '../_base_/few_shot/5shot.py',
    '../_base_/default_runtime.py',
]
