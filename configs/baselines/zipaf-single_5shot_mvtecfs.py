_base_ = '../mvrec/zipaf_5shot_mvtecfs.py'

model = dict(head=dict(view_indices=[13]))
