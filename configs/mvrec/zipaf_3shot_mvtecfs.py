_base_ = ['_base_/zipaf_vit-l14.py', '../_base_/datasets/mvtecfs.py', '../_base_/3shot.py']
