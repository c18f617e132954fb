_base_ = './zipaf_1shot_aitex.py'

model = dict(head=dict(triplet_distance='normalized'))
