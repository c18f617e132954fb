_base_ = './tip-adapter-f_5shot_mtd_tiny.py'

model = dict(head=dict(view_indices=[13]))
