# The detector that rtmdet-tiny_neudet.py trains, and what
#   mmvrec enroll NEUDET data/neu_det neudet.safetensors --options split=support
# saves.
detector = dict(
    type='MMDetDetector',
    config='projects/mmdet_mvrec/configs/rtmdet-tiny_neudet.py',
    checkpoint='work_dirs/rtmdet-tiny_neudet/epoch_24.pth',
)
classifier = 'neudet.safetensors'
score_threshold = 0.3
