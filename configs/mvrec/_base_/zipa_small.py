_base_ = ['../../_base_/models/small.py', '../../heads/zipa.py']

model = dict(head={{_base_.head}})
