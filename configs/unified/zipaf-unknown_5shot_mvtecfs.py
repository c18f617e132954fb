_base_ = ['../mvrec/_base_/zipaf_vit-l14.py', '../_base_/datasets/mvtecfs.py', '../_base_/5shot.py']

model = dict(unified='product_unknown')
