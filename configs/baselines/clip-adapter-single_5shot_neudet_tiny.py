_base_ = './clip-adapter_5shot_neudet_tiny.py'

model = dict(head=dict(view_indices=[13]))
