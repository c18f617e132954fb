_base_ = './protonet_5shot_aitex.py'

model = dict(head=dict(view_indices=[13]))
