_base_ = './knn_5shot_synthetic.py'

model = dict(head=dict(view_indices=[13]))
