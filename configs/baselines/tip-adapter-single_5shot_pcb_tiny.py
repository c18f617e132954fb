_base_ = './tip-adapter_5shot_pcb_tiny.py'

model = dict(head=dict(view_indices=[13]))
