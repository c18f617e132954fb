_base_ = './zipaf_5shot_neudet_tiny.py'

model = dict(head=dict(triplet_distance='normalized'))
