model = dict(
    type='MVRECClassifier',
    _scope_='mmvrec',
    backbone=dict(type='AlphaCLIP', arch='vit-l/14', checkpoint='alphaclip_vit-l14.safetensors'),
)
# For heads that look at class names, beside the head: model = dict(text={{_base_.text_encoder}}, …).
text_encoder = dict(type='CLIPText', checkpoint='ViT-L-14.pt')
