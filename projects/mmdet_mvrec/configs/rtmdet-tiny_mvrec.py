# Give the checkpoint of a detector that has been trained on your defects, of one class or of many:
# its classes are not used.
detector = dict(
    type='MMDetDetector',
    config='mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py',
    checkpoint='work_dirs/rtmdet_tiny/epoch_300.pth',
)
classifier = 'defects.safetensors'
score_threshold = 0.3
