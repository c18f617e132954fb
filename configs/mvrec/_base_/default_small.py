_base_ = ['../../_base_/models/small.py', '../../heads/default.py']

model = dict(head={{_base_.head}})
