_base_ = './linear-probe_5shot_pcb.py'

model = dict(head=dict(view_indices=[13]))
