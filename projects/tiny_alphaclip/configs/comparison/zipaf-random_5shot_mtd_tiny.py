# The same network with random weights.
_base_ = '../../../../configs/mvrec/zipaf_5shot_mtd_tiny.py'

model = dict(backbone=dict(checkpoint=None, random_seed=0))
