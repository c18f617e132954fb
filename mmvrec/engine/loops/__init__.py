from mmvrec.engine.loops.few_shot_test import FewShotTestLoop, FewShotValLoop
from mmvrec.engine.loops.few_shot_train import FewShotTrainLoop
from mmvrec.engine.loops.open_set_test import OpenSetTestLoop

__all__ = ['FewShotTestLoop', 'FewShotTrainLoop', 'FewShotValLoop', 'OpenSetTestLoop']
