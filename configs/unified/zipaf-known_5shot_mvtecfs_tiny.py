_base_ = '../mvrec/zipaf_5shot_mvtecfs_tiny.py'

model = dict(unified='product_known')
