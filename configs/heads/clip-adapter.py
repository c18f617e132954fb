_base_ = '../_base_/schedules/full_batch.py'

head = dict(type='CLIPAdapterHead')
train_cfg = dict(max_iters=200)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(type='CosineAnnealingLR', T_max=200, by_epoch=False)
