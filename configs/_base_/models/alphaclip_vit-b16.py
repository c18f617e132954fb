_base_ = './alphaclip_vit-l14.py'

model = dict(backbone=dict(arch='vit-b/16', checkpoint='alphaclip_vit-b16.safetensors'))
text_encoder = dict(checkpoint='ViT-B-16.pt')
