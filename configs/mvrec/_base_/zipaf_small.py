_base_ = ['../../_base_/models/small.py', '../../heads/zipaf.py']

model = dict(head={{_base_.head}})
