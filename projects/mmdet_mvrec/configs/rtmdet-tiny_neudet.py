# Trains a first stage with MMDetection's own tools: RTMDet-tiny, from random weights, on the half
# of NEU-DET from which support sets are drawn. It finds defects, and does not know their classes.
# Its files are made by
#   to_coco.py NEUDET data/neu_det data/neu_det/support_single.json --options split=support \
#       --single-class defect
# and the same with split=query, to query_single.json.
_base_ = 'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'
# Lets PyTorch 2.6 and newer read the runner's checkpoints, to test and to resume.
custom_imports = dict(imports=['mmvrec'])

data_root = 'data/neu_det/'
metainfo = dict(classes=('defect',))
side = 256
max_epochs = 24
norm_cfg = dict(type='BN')

model = dict(
    backbone=dict(init_cfg=None, norm_cfg=norm_cfg),
    neck=dict(norm_cfg=norm_cfg),
    bbox_head=dict(num_classes=1, norm_cfg=norm_cfg),
    test_cfg=dict(nms=dict(iou_threshold=0.5)),
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='CachedMosaic', img_scale=(side, side), pad_val=114.0, prob=0.5),
    dict(type='RandomResize', scale=(side, side), ratio_range=(0.6, 1.6), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(side, side)),
    dict(
        type='RandomFlip', prob=[0.25, 0.25, 0.25], direction=['horizontal', 'vertical', 'diagonal']
    ),
    dict(type='Pad', size=(side, side), pad_val=dict(img=(114, 114, 114))),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(side, side), keep_ratio=True),
    dict(type='Pad', size=(side, side), pad_val=dict(img=(114, 114, 114))),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        type='RepeatDataset',
        times=5,
        dataset=dict(
            type='CocoDataset',
            data_root=data_root,
            ann_file='support_single.json',
            data_prefix=dict(img=''),
            metainfo=metainfo,
            pipeline=train_pipeline,
        ),
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        ann_file='query_single.json',
        data_prefix=dict(img=''),
        metainfo=metainfo,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'query_single.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=max_epochs, val_interval=8, dynamic_intervals=None)
optim_wrapper = dict(optimizer=dict(lr=0.002))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0001,
        begin=2,
        end=max_epochs,
        T_max=max_epochs - 2,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(checkpoint=dict(interval=max_epochs), logger=dict(interval=20))
custom_hooks = [
    dict(
        type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.002, update_buffers=True, priority=49
    )
]
randomness = dict(seed=0)
