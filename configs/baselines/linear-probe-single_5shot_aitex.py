_base_ = './linear-probe_5shot_aitex.py'

model = dict(head=dict(view_indices=[13]))
