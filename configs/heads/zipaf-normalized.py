_base_ = '../_base_/schedules/full_batch.py'

# The triplet loss between features of length 1.
head = dict(type='ZipAdapterFHead', triplet_distance='normalized')
train_cfg = dict(max_iters=500)
param_scheduler = dict(type='CosineAnnealingLR', T_max=500, eta_min=1e-5, by_epoch=False)
