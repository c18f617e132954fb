_base_ = './zipa_3shot_neudet.py'

model = dict(head=dict(_delete_=True, type='ZipAdapterFHead'))
train_cfg = dict(max_iters=500)
param_scheduler = dict(type='CosineAnnealingLR', T_max=500, eta_min=1e-5, by_epoch=False)
