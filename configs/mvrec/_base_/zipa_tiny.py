_base_ = ['../../_base_/models/tiny.py', '../../heads/zipa.py']

model = dict(head={{_base_.head}})
