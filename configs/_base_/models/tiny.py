# The embedded backbone, trained on generated defects alone (model card: mmvrec/weights/README.md).
model = dict(
    type='MVRECClassifier',
    _scope_='mmvrec',
    backbone=dict(type='AlphaCLIP', arch='tiny', checkpoint='mvrec-tiny'),
    prior='mvrec-tiny',
)
# For heads that look at class names: a tower of random weights, for tests and demos.
text_encoder = dict(type='CLIPText', arch='tiny')
