from mmvrec.engine.hooks.fitted_heads import FittedHeadsHook

__all__ = ['FittedHeadsHook']
