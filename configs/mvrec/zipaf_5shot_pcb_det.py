# The query instances are a detector's boxes: COCO results (or MMDetection's pickle) on the images of
# to_coco.py PCB data/pcb data/pcb/query.json --options split=query
_base_ = './zipaf_5shot_pcb.py'

test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='DetectedInstances',
        dataset=dict(type='PCB', data_root='data/pcb/'),
        detections='data/pcb/query.bbox.json',
        image_file='data/pcb/query.json',
        pipeline={{_base_.pipeline}},
    )
)
val_dataloader = test_dataloader
test_evaluator = dict(_delete_=True, type='DetectedDefectMetric')
val_evaluator = test_evaluator
