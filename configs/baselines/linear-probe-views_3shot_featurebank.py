_base_ = '../mvrec/zipa_3shot_featurebank.py'

model = dict(head=dict(_delete_=True, type='LinearProbeHead', views='all'))
