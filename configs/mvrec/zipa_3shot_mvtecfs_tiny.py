_base_ = './zipa_5shot_mvtecfs_tiny.py'

train_cfg = dict(shots=3)
val_cfg = dict(shots=3)
test_cfg = dict(shots=3)
