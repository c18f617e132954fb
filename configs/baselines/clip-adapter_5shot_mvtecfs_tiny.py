_base_ = '../mvrec/zipa_5shot_mvtecfs_tiny.py'

model = dict(
    text=dict(type='CLIPText', arch='tiny'),
    head=dict(_delete_=True, type='CLIPAdapterHead'),
)
train_cfg = dict(max_iters=200)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(type='CosineAnnealingLR', T_max=200, by_epoch=False)
