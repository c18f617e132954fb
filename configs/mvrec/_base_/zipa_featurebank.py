_base_ = ['../../_base_/models/featurebank.py', '../../heads/zipa.py']

model = dict(head={{_base_.head}})
