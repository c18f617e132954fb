_base_ = '../mvrec/zipaf_5shot_mvtecfs.py'

model = dict(head=dict(margin=0.25))
