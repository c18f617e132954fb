from mmvrec.engine.runner import FewShotRunner

__all__ = ['FewShotRunner']
