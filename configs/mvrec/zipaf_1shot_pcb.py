_base_ = ['_base_/zipaf_vit-l14.py', '../_base_/datasets/pcb.py', '../_base_/1shot.py']
