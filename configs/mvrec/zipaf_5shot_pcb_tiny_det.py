# The query instances are a detector's boxes: COCO results (or MMDetection's pickle) on the images of
# to_coco.py PCB data/pcb data/pcb/query.json --options split=query
_base_ = ['_base_/zipaf_tiny.py', '../_base_/datasets/pcb_tiny.py', '../_base_/5shot.py']

dataset = dict(
    _delete_=True,
    type='DetectedInstances',
    dataset=dict(type='PCB', data_root='data/pcb/'),
    split='query',
    detections='data/pcb/query.bbox.json',
    image_file='data/pcb/query.json',
    pipeline={{_base_.pipeline}},
)
test_dataloader = val_dataloader = dict(dataset=dataset)
test_evaluator = val_evaluator = dict(type='DetectedDefectMetric')
