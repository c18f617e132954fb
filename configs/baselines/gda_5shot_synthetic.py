_base_ = [
    '../_base_/models/tiny.py',
    '../_base_/datasets/synthetic.py',
    '../heads/gda.py',
    '../_base_/5shot.py',
]

model = dict(head={{_base_.head}})
