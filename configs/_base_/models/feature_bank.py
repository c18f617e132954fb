model = dict(type='MVRECClassifier', backbone=None, head=dict(type='ZipAdapterHead', beta=32.0))
