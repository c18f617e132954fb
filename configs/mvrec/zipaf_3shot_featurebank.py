_base_ = ['_base_/zipaf_featurebank.py', '../_base_/datasets/featurebank.py', '../_base_/3shot.py']
