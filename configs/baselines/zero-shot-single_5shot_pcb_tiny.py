_base_ = './zero-shot_5shot_pcb_tiny.py'

model = dict(head=dict(view_indices=[13]))
