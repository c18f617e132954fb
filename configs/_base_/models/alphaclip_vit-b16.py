model = dict(
    type='MVRECClassifier',
    backbone=dict(
        type='AlphaCLIP',
        arch='vit-b/16',
        checkpoint='alphaclip_vit-b16.safetensors',
    ),
    head=dict(type='ZipAdapterHead', beta=32.0),
)
