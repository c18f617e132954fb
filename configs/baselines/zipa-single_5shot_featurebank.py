_base_ = '../mvrec/zipa_5shot_featurebank.py'

model = dict(head=dict(view_indices=[13]))
