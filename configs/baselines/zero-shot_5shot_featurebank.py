_base_ = [
    '../_base_/models/featurebank.py',
    '../_base_/datasets/featurebank.py',
    '../heads/zero-shot.py',
    '../_base_/5shot.py',
]

model = dict(text={{_base_.text_encoder}}, head={{_base_.head}})
