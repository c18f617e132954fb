_base_ = './zipaf_1shot_neudet.py'

model = dict(head=dict(triplet_distance='normalized'))
