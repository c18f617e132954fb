# The query instances are a detector's boxes: COCO results (or MMDetection's pickle) on the images of
# to_coco.py NEUDET data/neu_det data/neu_det/query.json --options split=query
_base_ = ['_base_/zipaf_vit-l14.py', '../_base_/datasets/neudet.py', '../_base_/5shot.py']

dataset = dict(
    _delete_=True,
    type='DetectedInstances',
    dataset=dict(type='NEUDET', data_root='data/neu_det/'),
    split='query',
    detections='data/neu_det/query.bbox.json',
    image_file='data/neu_det/query.json',
    pipeline={{_base_.pipeline}},
)
test_dataloader = val_dataloader = dict(dataset=dataset)
test_evaluator = val_evaluator = dict(type='DetectedDefectMetric')
