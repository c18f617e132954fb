# The query instances are a detector's boxes: COCO results (or MMDetection's pickle) on the images of
# to_coco.py MTD data/mtd data/mtd/query.json --options split=query
_base_ = ['_base_/zipaf_tiny.py', '../_base_/datasets/mtd_tiny.py', '../_base_/5shot.py']

dataset = dict(
    _delete_=True,
    type='DetectedInstances',
    dataset=dict(type='MTD', data_root='data/mtd/'),
    split='query',
    detections='data/mtd/query.bbox.json',
    image_file='data/mtd/query.json',
    pipeline={{_base_.pipeline}},
)
test_dataloader = val_dataloader = dict(dataset=dataset)
test_evaluator = val_evaluator = dict(type='DetectedDefectMetric')
