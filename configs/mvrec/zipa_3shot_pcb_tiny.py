_base_ = './zipa_5shot_pcb_tiny.py'

train_cfg = dict(shots=3)
val_cfg = dict(shots=3)
test_cfg = dict(shots=3)
