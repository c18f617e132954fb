_base_ = ['_base_/zipa_vit-l14.py', '../_base_/datasets/aitex.py', '../_base_/3shot.py']
