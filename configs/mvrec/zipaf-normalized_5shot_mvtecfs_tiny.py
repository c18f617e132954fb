_base_ = './zipaf_5shot_mvtecfs_tiny.py'

model = dict(head=dict(triplet_distance='normalized'))
