_base_ = './zipaf_5shot_mvtecfs.py'

model = dict(head=dict(triplet_distance='normalized'))
