detector = dict(
    type='TorchvisionDetector',
    name='fasterrcnn_mobilenet_v3_large_320_fpn',
    checkpoint='work_dirs/faster-rcnn.pth',
    num_classes=2,
)
classifier = 'defects.safetensors'
score_threshold = 0.3
