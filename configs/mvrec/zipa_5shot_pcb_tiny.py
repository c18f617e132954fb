_base_ = './zipa_5shot_pcb.py'

model = dict(backbone=dict(_delete_=True, type='AlphaCLIP', arch='tiny', random_seed=0))

pipeline = [
    dict(type='LoadDefectImage'),
    dict(type='LoadInstanceMask'),
    dict(type='MultiViewRegionContext', scales=(256, 384, 512), img_size=112),
    dict(type='PackViews'),
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
test_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = dict(dataset=dict(pipeline=pipeline))
