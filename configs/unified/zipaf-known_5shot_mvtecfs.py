_base_ = '../mvrec/zipaf_5shot_mvtecfs.py'

model = dict(unified='product_known')
