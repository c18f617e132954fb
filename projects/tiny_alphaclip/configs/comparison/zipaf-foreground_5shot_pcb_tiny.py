# The mask is 255 everywhere: the features do not know where the defect is.
_base_ = '../../../../configs/mvrec/zipaf_5shot_pcb_tiny.py'

pipeline = [
    dict(type='LoadDefectImage'),
    dict(
        type='MultiViewRegionContext',
        scales=(128, 192, 256),
        img_size=112,
        mask_mode='foreground',
    ),
    dict(type='PackViews'),
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
test_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = dict(dataset=dict(pipeline=pipeline))
