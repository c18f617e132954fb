_base_ = './zipaf_3shot_mtd.py'

model = dict(head=dict(triplet_distance='normalized'))
