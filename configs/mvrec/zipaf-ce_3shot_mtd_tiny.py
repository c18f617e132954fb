_base_ = './zipaf_3shot_mtd_tiny.py'

# The published numbers were made with the cross-entropy alone.
model = dict(head=dict(triplet_weight=0.0))
