_base_ = './zipaf_5shot_mtd.py'

model = dict(head=dict(triplet_distance='normalized'))
