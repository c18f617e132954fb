_base_ = '../mvrec/zipaf_5shot_synthetic.py'

model = dict(head=dict(view_indices=[13]))
