_base_ = './zipaf_5shot_aitex_tiny.py'

model = dict(head=dict(triplet_distance='normalized'))
