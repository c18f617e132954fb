_base_ = ['../../_base_/models/alphaclip_vit-l14.py', '../../heads/zipaf.py']

model = dict(head={{_base_.head}})
