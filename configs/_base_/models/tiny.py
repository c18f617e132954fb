# The embedded backbone. Its weights are random with a fixed seed, and every output says so.
model = dict(
    type='MVRECClassifier',
    backbone=dict(type='AlphaCLIP', arch='tiny', random_seed=0),
    head=dict(type='ZipAdapterHead', beta=32.0),
)
