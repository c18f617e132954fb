_base_ = [
    '../_base_/models/featurebank.py',
    '../_base_/datasets/featurebank.py',
    '../heads/gda.py',
    '../_base_/5shot.py',
]

model = dict(head={{_base_.head}})
