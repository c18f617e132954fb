# As in the paper's text: cross-entropy + 4 x triplet.
head = dict(type='ZipAdapterFHead')

train_cfg = dict(type='FewShotTrainLoop', episode=0, max_iters=500)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-4, eps=1e-6, weight_decay=0.01))
param_scheduler = dict(type='CosineAnnealingLR', T_max=500, eta_min=1e-5, by_epoch=False)
