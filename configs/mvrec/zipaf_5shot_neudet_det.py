# The query instances are a detector's boxes: COCO results (or MMDetection's pickle) on the images of
# to_coco.py NEUDET data/neu_det data/neu_det/query.json --options split=query
_base_ = './zipaf_5shot_neudet.py'

test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='DetectedInstances',
        dataset=dict(type='NEUDET', data_root='data/neu_det/'),
        detections='data/neu_det/query.bbox.json',
        image_file='data/neu_det/query.json',
        pipeline={{_base_.pipeline}},
    )
)
val_dataloader = test_dataloader
test_evaluator = dict(_delete_=True, type='DetectedDefectMetric')
val_evaluator = test_evaluator
