# Trains the embedded backbone on generated images: PYTHONPATH=. tools/train.py THIS_FILE
custom_imports = dict(imports=['projects.tiny_alphaclip.tiny_alphaclip'])
default_scope = 'mmvrec'

max_iters = 1900

model = dict(
    type='TinyAlphaCLIPPretrainer',
    backbone=dict(type='AlphaCLIP', arch='tiny', random_seed=0, frozen=False),
    data_preprocessor=dict(type='MultiViewDataPreprocessor'),
    bf16=True,
)

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(type='GeneratedCrops'),
)
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters)

optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05, betas=(0.9, 0.98)),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=150, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=150, T_max=max_iters - 150, eta_min=1e-6, by_epoch=False),
]

default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=200, max_keep_ckpts=1),
)
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=1))
log_processor = dict(by_epoch=False, window_size=50)
visualizer = dict(type='UniversalVisualizer', vis_backends=[dict(type='LocalVisBackend')])
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=32)
