_base_ = './zipaf_3shot_mvtecfs.py'

model = dict(head=dict(triplet_distance='normalized'))
