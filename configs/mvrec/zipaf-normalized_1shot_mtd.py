_base_ = './zipaf_1shot_mtd.py'

model = dict(head=dict(triplet_distance='normalized'))
