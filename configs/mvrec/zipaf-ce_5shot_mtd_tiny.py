_base_ = ['_base_/zipaf-ce_tiny.py', '../_base_/datasets/mtd_tiny.py', '../_base_/5shot.py']
