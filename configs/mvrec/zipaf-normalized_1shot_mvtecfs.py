_base_ = './zipaf_1shot_mvtecfs.py'

model = dict(head=dict(triplet_distance='normalized'))
