_base_ = ['../../_base_/models/tiny.py', '../../heads/zipaf-ce.py']

model = dict(head={{_base_.head}})
