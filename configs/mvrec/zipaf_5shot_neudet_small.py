_base_ = ['_base_/zipaf_small.py', '../_base_/datasets/neudet_small.py', '../_base_/5shot.py']
