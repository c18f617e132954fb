_base_ = './zipaf_3shot_aitex_tiny.py'

model = dict(head=dict(triplet_distance='normalized'))
