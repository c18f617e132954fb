_base_ = './zero-shot_5shot_mtd.py'

model = dict(head=dict(view_indices=[13]))
