_base_ = './zipaf_5shot_mtd_tiny.py'

model = dict(head=dict(triplet_distance='normalized'))
