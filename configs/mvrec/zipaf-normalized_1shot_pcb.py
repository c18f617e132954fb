_base_ = './zipaf_1shot_pcb.py'

model = dict(head=dict(triplet_distance='normalized'))
