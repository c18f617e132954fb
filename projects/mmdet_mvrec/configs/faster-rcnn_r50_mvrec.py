detector = dict(
    type='MMDetDetector',
    config='mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
    checkpoint='work_dirs/faster-rcnn_r50/epoch_12.pth',
)
classifier = 'defects.safetensors'
score_threshold = 0.3
