_base_ = '../mvrec/zipa_5shot_mvtecfs_tiny.py'

model = dict(head=dict(_delete_=True, type='ProtoNetHead'))
