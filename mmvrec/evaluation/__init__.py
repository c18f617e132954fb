from mmvrec.evaluation.few_shot_metric import FewShotAccuracy

__all__ = ['FewShotAccuracy']
