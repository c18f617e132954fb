_base_ = '../mvrec/zipa_5shot_mvtecfs.py'

model = dict(unified='product_unknown')
