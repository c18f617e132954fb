_base_ = ['../views/27x224.py', '../loaders.py']

dataset = dict(
    type='CocoDefects',
    data_root='data/coco/',
    ann_file='annotations.json',
    data_prefix=dict(img='images/'),
    pipeline={{_base_.pipeline}},
)
train_dataloader = test_dataloader = val_dataloader = dict(dataset=dataset)
