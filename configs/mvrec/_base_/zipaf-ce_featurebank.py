_base_ = ['../../_base_/models/featurebank.py', '../../heads/zipaf-ce.py']

model = dict(head={{_base_.head}})
