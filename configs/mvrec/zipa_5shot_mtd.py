_base_ = ['_base_/zipa_vit-l14.py', '../_base_/datasets/mtd.py', '../_base_/5shot.py']
