# The centred crop of the middle scale alone.
_base_ = ['../mvrec/_base_/zipaf_tiny.py', '../_base_/datasets/mtd_tiny.py', '../_base_/5shot.py']

model = dict(head=dict(view_indices=[13]))
