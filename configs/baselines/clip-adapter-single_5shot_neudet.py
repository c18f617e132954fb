_base_ = './clip-adapter_5shot_neudet.py'

model = dict(head=dict(view_indices=[13]))
