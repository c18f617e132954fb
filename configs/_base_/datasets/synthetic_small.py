# The embedded dataset (synthetic.py), in the tightest scale alone as for all small configs.
_base_ = '../loaders.py'

pipeline = [
    dict(type='LoadDefectImage'),
    dict(type='LoadInstanceMask'),
    dict(type='MultiViewRegionContext', scales=(96,), img_size=112),
    dict(type='PackViews'),
]
train_dataloader = test_dataloader = val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    dataset=dict(type='SyntheticDefects', instances_per_class=10, pipeline=pipeline),
)
