# The paper's views: three scales at 3 x 3 places.
pipeline = [
    dict(type='LoadDefectImage'),
    dict(type='LoadInstanceMask'),
    dict(type='MultiViewRegionContext', scales=(256, 384, 512), img_size=224),
    dict(type='PackViews'),
]
