_base_ = './zipaf_3shot_synthetic.py'

model = dict(head=dict(triplet_distance='normalized'))
