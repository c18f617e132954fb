_base_ = ['_base_/zipaf_tiny.py', '../_base_/datasets/pcb_tiny.py', '../_base_/3shot.py']
