# The same network with random weights.
_base_ = '../../../../configs/mvrec/zipaf_5shot_neudet_tiny.py'

model = dict(backbone=dict(checkpoint=None, random_seed=0))
