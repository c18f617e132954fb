_base_ = ['_base_/zipa_small.py', '../_base_/datasets/synthetic_small.py', '../_base_/5shot.py']
