_base_ = '../mvrec/zipa_5shot_mvtecfs.py'

model = dict(
    text=dict(type='CLIPText', checkpoint='ViT-L-14.pt'),
    head=dict(_delete_=True, type='CLIPAdapterHead'),
)
train_cfg = dict(max_iters=200)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(type='CosineAnnealingLR', T_max=200, by_epoch=False)
