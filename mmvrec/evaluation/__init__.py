from mmvrec.evaluation.detection_metric import DetectedDefectMetric
from mmvrec.evaluation.few_shot_metric import FewShotAccuracy

__all__ = ['DetectedDefectMetric', 'FewShotAccuracy']
