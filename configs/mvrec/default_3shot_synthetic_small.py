_base_ = ['_base_/default_small.py', '../_base_/datasets/synthetic.py', '../_base_/3shot.py']

# The tightest scale alone, as for all small configs.
train_dataloader = test_dataloader = val_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadDefectImage'),
            dict(type='LoadInstanceMask'),
            dict(type='MultiViewRegionContext', scales=(96,), img_size=112),
            dict(type='PackViews'),
        ]
    )
)
