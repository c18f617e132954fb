_base_ = './linear-probe_5shot_mtd.py'

model = dict(head=dict(view_indices=[13]))
