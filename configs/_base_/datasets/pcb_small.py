_base_ = ['../views/9x112.py', '../loaders.py']

dataset = dict(type='PCB', data_root='data/pcb/', pipeline={{_base_.pipeline}})
train_dataloader = test_dataloader = val_dataloader = dict(dataset=dataset)
