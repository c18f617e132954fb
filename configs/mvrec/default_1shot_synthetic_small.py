_base_ = ['_base_/default_small.py', '../_base_/datasets/synthetic_small.py', '../_base_/1shot.py']
