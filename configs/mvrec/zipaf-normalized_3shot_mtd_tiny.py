_base_ = './zipaf_3shot_mtd_tiny.py'

model = dict(head=dict(triplet_distance='normalized'))
