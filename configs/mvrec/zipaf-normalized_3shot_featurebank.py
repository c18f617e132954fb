_base_ = './zipaf_3shot_featurebank.py'

model = dict(head=dict(triplet_distance='normalized'))
