_base_ = ['../../_base_/models/featurebank.py', '../../heads/zipaf.py']

model = dict(head={{_base_.head}})
