_base_ = '../mvrec/zipa_5shot_aitex.py'

model = dict(head=dict(_delete_=True, type='LinearProbeHead', views='all'))
