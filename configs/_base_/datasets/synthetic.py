# The embedded dataset: 4 generated surfaces (tasks) with 6 types of defect (classes).
pipeline = [
    dict(type='LoadDefectImage'),
    dict(type='LoadInstanceMask'),
    dict(type='MultiViewRegionContext', scales=(96, 160, 224), img_size=112),
    dict(type='PackViews'),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='ImageGroupedSampler'),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type='SyntheticDefects', split='support', instances_per_class=10, pipeline=pipeline
    ),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='ImageGroupedSampler'),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(type='SyntheticDefects', split='query', instances_per_class=10, pipeline=pipeline),
)
val_dataloader = test_dataloader
