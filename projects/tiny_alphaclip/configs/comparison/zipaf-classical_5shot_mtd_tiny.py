# HOG, LBP and grey histograms of the same views, from banks that classical_features.py has written.
_base_ = '../../../../configs/mvrec/zipaf_5shot_featurebank.py'

banks = 'work_dirs/classical/mtd'
train_dataloader = dict(dataset=dict(ann_file=f'{banks}_support.npz'))
test_dataloader = dict(dataset=dict(ann_file=f'{banks}_query.npz'))
val_dataloader = dict(dataset=dict(ann_file=f'{banks}_query.npz'))
