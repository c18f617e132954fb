_base_ = './zipaf_5shot_synthetic.py'

model = dict(head=dict(triplet_distance='normalized'))
