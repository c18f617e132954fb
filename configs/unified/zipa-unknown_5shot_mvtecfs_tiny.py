_base_ = '../mvrec/zipa_5shot_mvtecfs_tiny.py'

model = dict(unified='product_unknown')
