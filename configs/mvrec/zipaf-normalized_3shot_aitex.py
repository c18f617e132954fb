_base_ = './zipaf_3shot_aitex.py'

model = dict(head=dict(triplet_distance='normalized'))
