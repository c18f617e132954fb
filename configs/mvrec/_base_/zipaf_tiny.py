_base_ = ['../../_base_/models/tiny.py', '../../heads/zipaf.py']

model = dict(head={{_base_.head}})
