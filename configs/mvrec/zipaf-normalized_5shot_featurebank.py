_base_ = ['_base_/zipaf_featurebank.py', '../_base_/datasets/featurebank.py', '../_base_/5shot.py']

model = dict(head=dict(triplet_distance='normalized'))
