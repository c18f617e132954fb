_base_ = ['../views/9x112.py', '../loaders.py']

dataset = dict(type='NEUDET', data_root='data/neu_det/', pipeline={{_base_.pipeline}})
train_dataloader = test_dataloader = val_dataloader = dict(dataset=dataset)
