_base_ = [
    '../_base_/models/alphaclip_vit-l14.py',
    '../_base_/datasets/mvtecfs.py',
    '../_base_/few_shot/1shot.py',
    '../_base_/default_runtime.py',
]
