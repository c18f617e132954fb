_base_ = './zipa_5shot_pcb_tiny.py'

train_cfg = dict(shots=1)
val_cfg = dict(shots=1)
test_cfg = dict(shots=1)
