_base_ = './clip-adapter_5shot_pcb.py'

model = dict(head=dict(view_indices=[13]))
