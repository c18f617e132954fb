_base_ = '../mvrec/zipa_5shot_aitex_tiny.py'

model = dict(head=dict(_delete_=True, type='GDAHead', groups=3))
