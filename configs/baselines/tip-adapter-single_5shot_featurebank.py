_base_ = './tip-adapter_5shot_featurebank.py'

model = dict(head=dict(view_indices=[13]))
