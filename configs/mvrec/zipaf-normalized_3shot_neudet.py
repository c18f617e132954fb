_base_ = './zipaf_3shot_neudet.py'

model = dict(head=dict(triplet_distance='normalized'))
