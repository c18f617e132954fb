# `_scope_` is for tools that build a dataset under another default scope, as MMPretrain's do.
# The support pool, from which the episodes draw.
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type='ImageGroupedSampler'),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(_scope_='mmvrec', split='support'),
)

# The query set. Overrides name train_dataloader, test_dataloader and val_dataloader each.
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type='ImageGroupedSampler'),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(_scope_='mmvrec', split='query'),
)
val_dataloader = test_dataloader
