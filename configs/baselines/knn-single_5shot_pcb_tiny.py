_base_ = './knn_5shot_pcb_tiny.py'

model = dict(head=dict(view_indices=[13]))
