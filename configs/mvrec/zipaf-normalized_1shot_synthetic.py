_base_ = './zipaf_1shot_synthetic.py'

model = dict(head=dict(triplet_distance='normalized'))
