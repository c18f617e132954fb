_base_ = '../mvrec/zipa_5shot_synthetic.py'

model = dict(head=dict(view_indices=[13]))
