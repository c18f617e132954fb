_base_ = ['_base_/zipaf_small.py', '../_base_/datasets/pcb_small.py', '../_base_/5shot.py']
