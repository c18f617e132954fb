_base_ = './zipaf_5shot_featurebank.py'

model = dict(head=dict(triplet_distance='normalized'))
