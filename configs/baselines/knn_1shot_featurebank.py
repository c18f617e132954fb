_base_ = '../mvrec/zipa_1shot_featurebank.py'

model = dict(head=dict(_delete_=True, type='KNNHead', k=1))
