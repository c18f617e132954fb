_base_ = '../_base_/schedules/full_batch.py'

head = dict(type='TipAdapterFHead')
train_cfg = dict(max_iters=100)
optim_wrapper = dict(optimizer=dict(lr=1e-3, eps=1e-4))
param_scheduler = dict(type='CosineAnnealingLR', T_max=100, by_epoch=False)
