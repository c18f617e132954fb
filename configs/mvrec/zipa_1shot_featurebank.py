_base_ = ['_base_/zipa_featurebank.py', '../_base_/datasets/featurebank.py', '../_base_/1shot.py']
