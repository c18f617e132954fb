_base_ = ['_base_/zipaf_vit-l14.py', '../_base_/datasets/neudet.py', '../_base_/1shot.py']
