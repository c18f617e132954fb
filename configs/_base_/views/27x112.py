# Half the input size of CLIP's ViT-L/14 and half its crops: the paper's pixels per pixel.
pipeline = [
    dict(type='LoadDefectImage'),
    dict(type='LoadInstanceMask'),
    dict(type='MultiViewRegionContext', scales=(128, 192, 256), img_size=112),
    dict(type='PackViews'),
]
