_base_ = './protonet_5shot_pcb_tiny.py'

model = dict(head=dict(view_indices=[13]))
