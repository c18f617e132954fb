_base_ = './tip-adapter_5shot_mvtecfs.py'

model = dict(head=dict(view_indices=[13]))
