_base_ = './zipaf_3shot_pcb.py'

model = dict(head=dict(triplet_distance='normalized'))
