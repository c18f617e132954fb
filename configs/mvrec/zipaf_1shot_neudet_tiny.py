_base_ = ['_base_/zipaf_tiny.py', '../_base_/datasets/neudet_tiny.py', '../_base_/1shot.py']
