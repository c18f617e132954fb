# Closed form; takes the covariance prior of the backbone where the model has one.
head = dict(type='RegionGaussianHead')

# Training-free: it takes no step, but the runner wants an optimizer.
train_cfg = dict(type='FewShotTrainLoop', episode=0, max_iters=1)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-4, eps=1e-6, weight_decay=0.01))
