_base_ = './clip-adapter_5shot_synthetic.py'

model = dict(head=dict(view_indices=[13]))
