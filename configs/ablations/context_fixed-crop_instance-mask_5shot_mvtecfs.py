_base_ = '../mvrec/zipaf_5shot_mvtecfs.py'

pipeline = [
    dict(type='LoadDefectImage'),
    dict(type='LoadInstanceMask'),
    dict(
        type='MultiViewRegionContext',
        offsets=(0,),
        mask_mode='instance',
        scales=(384,),
        img_size=224,
    ),
    dict(type='PackViews'),
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
test_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = dict(dataset=dict(pipeline=pipeline))
