model = dict(
    type='MVRECClassifier',
    backbone=dict(
        type='AlphaCLIP',
        arch='vit-l/14@336px',
        checkpoint='alphaclip_vit-l14-336px.safetensors',
    ),
    head=dict(type='ZipAdapterHead', beta=32.0),
)
