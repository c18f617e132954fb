_base_ = '../mvrec/zipa_5shot_neudet.py'

model = dict(head=dict(_delete_=True, type='KNNHead', k=1))
