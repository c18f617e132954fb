train_cfg = dict(type='FewShotTrainLoop', shots=3, episode=0, max_iters=1)
val_cfg = dict(type='FewShotValLoop', shots=3)
test_cfg = dict(type='FewShotTestLoop', shots=3, episodes=5, seed=0)
val_evaluator = dict(type='FewShotAccuracy')
test_evaluator = val_evaluator

# Of heads that train; a training-free head never steps it, but the runner wants one.
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-4, eps=1e-6, weight_decay=0.01))
auto_scale_lr = dict(enable=False, base_batch_size=1)
