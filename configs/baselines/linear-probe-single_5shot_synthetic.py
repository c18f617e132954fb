_base_ = './linear-probe_5shot_synthetic.py'

model = dict(head=dict(view_indices=[13]))
