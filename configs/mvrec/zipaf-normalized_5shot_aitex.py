_base_ = './zipaf_5shot_aitex.py'

model = dict(head=dict(triplet_distance='normalized'))
