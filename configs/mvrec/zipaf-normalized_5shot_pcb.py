_base_ = './zipaf_5shot_pcb.py'

model = dict(head=dict(triplet_distance='normalized'))
