from mmvrec.engine.loops.few_shot_test import FewShotTestLoop, FewShotValLoop
from mmvrec.engine.loops.few_shot_train import FewShotTrainLoop

__all__ = ['FewShotTestLoop', 'FewShotTrainLoop', 'FewShotValLoop']
