_base_ = './zipaf_1shot_featurebank.py'

model = dict(head=dict(triplet_distance='normalized'))
