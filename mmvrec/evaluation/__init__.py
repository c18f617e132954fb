from mmvrec.evaluation.calibration_metric import CalibrationError
from mmvrec.evaluation.detection_metric import DetectedDefectMetric
from mmvrec.evaluation.few_shot_metric import FewShotAccuracy
from mmvrec.evaluation.open_set_metric import OpenSetAUROC

__all__ = ['CalibrationError', 'DetectedDefectMetric', 'FewShotAccuracy', 'OpenSetAUROC']
