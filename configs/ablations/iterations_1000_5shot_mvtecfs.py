_base_ = '../mvrec/zipaf_5shot_mvtecfs.py'

train_cfg = dict(max_iters=1000)
param_scheduler = dict(T_max=1000)
