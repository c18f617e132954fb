_base_ = './linear-probe_5shot_mtd_tiny.py'

model = dict(head=dict(view_indices=[13]))
