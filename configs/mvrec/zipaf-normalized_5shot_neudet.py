_base_ = './zipaf_5shot_neudet.py'

model = dict(head=dict(triplet_distance='normalized'))
