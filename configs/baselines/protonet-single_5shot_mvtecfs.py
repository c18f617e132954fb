_base_ = './protonet_5shot_mvtecfs.py'

model = dict(head=dict(view_indices=[13]))
