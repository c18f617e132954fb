# The embedded backbone, trained on generated defects alone (model card: mmvrec/weights/README.md).
model = dict(
    type='MVRECClassifier',
    backbone=dict(type='AlphaCLIP', arch='tiny', checkpoint='mvrec-tiny'),
    head=dict(type='ZipAdapterHead', beta=32.0),
)
