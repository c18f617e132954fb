_base_ = '../mvrec/zipaf_5shot_mvtecfs.py'

pipeline = [
    dict(type='LoadDefectImage'),
    dict(type='LoadInstanceMask'),
    dict(
        type='MultiViewRegionContext',
        scales=(384,),
        offsets=(0,),
        rotations=(0, 90, 180, 270),
        flips=('none', 'horizontal', 'vertical'),
        img_size=224,
    ),
    dict(type='PackViews'),
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
test_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = dict(dataset=dict(pipeline=pipeline))
