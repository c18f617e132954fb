_base_ = '../mvrec/zipaf_5shot_synthetic.py'

model = dict(unified='product_known')
