_base_ = './zipaf_1shot_neudet.py'

# The published numbers were made with the cross-entropy alone.
model = dict(head=dict(triplet_weight=0.0))
