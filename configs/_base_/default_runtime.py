default_scope = 'mmvrec'
custom_imports = dict(imports=['mmvrec.registry'], allow_failed_imports=False)

val_cfg = dict(type='FewShotValLoop')
test_cfg = dict(type='FewShotTestLoop')
val_evaluator = dict(type='FewShotAccuracy')
test_evaluator = val_evaluator
auto_scale_lr = dict(enable=False, base_batch_size=1)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=100),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=100, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='DefectVisualizationHook', enable=False),
    report=dict(type='ReportHook', enable=False),
)
custom_hooks = [dict(type='FittedHeadsHook')]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # What processes exchange are features in CPU memory.
    dist_cfg=dict(backend='gloo'),
)
runner_type = 'mmvrec.FewShotRunner'

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends)

log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0, deterministic=False)
