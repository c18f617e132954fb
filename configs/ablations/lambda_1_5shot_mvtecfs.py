_base_ = '../mvrec/zipaf_5shot_mvtecfs.py'

model = dict(head=dict(triplet_weight=1.0))
