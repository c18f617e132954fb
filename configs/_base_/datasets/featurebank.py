# Two npz files with `feats` [M, V, C] or [M, V, T, C] and `labels` [M]:
#   --cfg-options train_dataloader.dataset.ann_file=S.npz test_dataloader.dataset.ann_file=Q.npz
train_dataloader = test_dataloader = val_dataloader = dict(
    batch_size=64,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(type='FeatureBankDataset', _scope_='mmvrec', ann_file=''),
)
