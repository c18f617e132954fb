_base_ = [
    '../_base_/models/tiny.py',
    '../_base_/datasets/synthetic.py',
    '../_base_/few_shot/1shot.py',
    '../_base_/default_runtime.py',
]
