_base_ = '../mvrec/zipa_5shot_synthetic.py'

model = dict(unified='product_known')
