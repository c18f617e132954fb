_base_ = '../mvrec/zipa_5shot_mtd.py'

model = dict(
    text=dict(type='CLIPText', checkpoint='ViT-L-14.pt'),
    head=dict(_delete_=True, type='TipAdapterFHead'),
)
train_cfg = dict(max_iters=100)
optim_wrapper = dict(optimizer=dict(lr=1e-3, eps=1e-4))
param_scheduler = dict(type='CosineAnnealingLR', T_max=100, by_epoch=False)
