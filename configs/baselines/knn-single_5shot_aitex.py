_base_ = './knn_5shot_aitex.py'

model = dict(head=dict(view_indices=[13]))
