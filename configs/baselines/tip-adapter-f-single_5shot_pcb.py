_base_ = './tip-adapter-f_5shot_pcb.py'

model = dict(head=dict(view_indices=[13]))
