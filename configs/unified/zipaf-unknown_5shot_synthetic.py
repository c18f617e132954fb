_base_ = ['../mvrec/_base_/zipaf_tiny.py', '../_base_/datasets/synthetic.py', '../_base_/5shot.py']

model = dict(unified='product_unknown')
