_base_ = './knn_5shot_neudet.py'

model = dict(head=dict(view_indices=[13]))
