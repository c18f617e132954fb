# The tightest scale alone, as for all small configs.
_base_ = './synthetic.py'

pipeline = [
    dict(type='LoadDefectImage'),
    dict(type='LoadInstanceMask'),
    dict(type='MultiViewRegionContext', scales=(96,), img_size=112),
    dict(type='PackViews'),
]
train_dataloader = test_dataloader = val_dataloader = dict(dataset=dict(pipeline=pipeline))
