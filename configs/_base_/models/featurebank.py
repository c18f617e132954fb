# The features are made elsewhere, so are those of class names, for the heads that look at them.
model = dict(type='MVRECClassifier', _scope_='mmvrec', backbone=None)
text_encoder = dict(type='StoredText', ann_file='')
