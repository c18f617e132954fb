model = dict(
    type='MVRECClassifier',
    backbone=dict(
        type='AlphaCLIP',
        arch='vit-l/14',
        checkpoint='alphaclip_vit-l14.safetensors',
    ),
    head=dict(type='ZipAdapterHead', beta=32.0),
)
