dataset_type = 'AITEX'
data_root = 'data/aitex/'
pipeline = [
    dict(type='LoadDefectImage'),
    dict(type='LoadInstanceMask'),
    dict(type='MultiViewRegionContext', scales=(256, 384, 512), img_size=224),
    dict(type='PackViews'),
]

# The support pool, from which the episodes draw.
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type='ImageGroupedSampler'),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(type=dataset_type, data_root=data_root, split='support', pipeline=pipeline),
)

# The query set. Overrides name train_dataloader, test_dataloader and val_dataloader each.
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type='ImageGroupedSampler'),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(type=dataset_type, data_root=data_root, split='query', pipeline=pipeline),
)
val_dataloader = test_dataloader
