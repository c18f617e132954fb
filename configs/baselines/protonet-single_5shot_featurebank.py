_base_ = './protonet_5shot_featurebank.py'

model = dict(head=dict(view_indices=[13]))
