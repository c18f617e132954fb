_base_ = './tip-adapter_5shot_neudet.py'

model = dict(head=dict(view_indices=[13]))
