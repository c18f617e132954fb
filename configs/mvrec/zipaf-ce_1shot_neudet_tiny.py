_base_ = ['_base_/zipaf-ce_tiny.py', '../_base_/datasets/neudet_tiny.py', '../_base_/1shot.py']
