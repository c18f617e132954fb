_base_ = ['../views/9x112.py', '../loaders.py']

dataset = dict(type='MVTecFS', data_root='data/mvtec_fs/', pipeline={{_base_.pipeline}})
train_dataloader = test_dataloader = val_dataloader = dict(dataset=dataset)
