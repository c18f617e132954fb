# The query instances are a detector's boxes: COCO results (or MMDetection's pickle) on the images of
# to_coco.py MTD data/mtd data/mtd/query.json --options split=query
_base_ = './zipaf_5shot_mtd.py'

test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='DetectedInstances',
        dataset=dict(type='MTD', data_root='data/mtd/'),
        detections='data/mtd/query.bbox.json',
        image_file='data/mtd/query.json',
        pipeline={{_base_.pipeline}},
    )
)
val_dataloader = test_dataloader
test_evaluator = dict(_delete_=True, type='DetectedDefectMetric')
val_evaluator = test_evaluator
