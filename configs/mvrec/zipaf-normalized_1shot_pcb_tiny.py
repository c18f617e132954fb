_base_ = './zipaf_1shot_pcb_tiny.py'

model = dict(head=dict(triplet_distance='normalized'))
