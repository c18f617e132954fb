# Every loop reads `few_shot`; what train_cfg, val_cfg or test_cfg say is for that loop alone.
_base_ = './default_runtime.py'

few_shot = dict(shots=1, episodes=5, seed=0)
