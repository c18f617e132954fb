_base_ = ['_base_/zipa_tiny.py', '../_base_/datasets/mtd_tiny.py', '../_base_/5shot.py']
