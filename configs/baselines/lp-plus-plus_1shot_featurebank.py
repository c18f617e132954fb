_base_ = '../mvrec/zipa_1shot_featurebank.py'

model = dict(
    text=dict(type='StoredText', ann_file=''),
    head=dict(_delete_=True, type='LPPlusPlusHead'),
)
