_base_ = ['_base_/zipaf-ce_vit-l14.py', '../_base_/datasets/mtd.py', '../_base_/5shot.py']
