_base_ = './alphaclip_vit-l14.py'

model = dict(backbone=dict(arch='vit-l/14@336px', checkpoint='alphaclip_vit-l14-336px.safetensors'))
text_encoder = dict(checkpoint='ViT-L-14-336px.pt')
