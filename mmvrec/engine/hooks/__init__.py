from mmvrec.engine.hooks.checkpoint import CheckpointHook
from mmvrec.engine.hooks.fitted_heads import FittedHeadsHook
from mmvrec.engine.hooks.report import ReportHook
from mmvrec.engine.hooks.visualization import DefectVisualizationHook

__all__ = ['CheckpointHook', 'DefectVisualizationHook', 'FittedHeadsHook', 'ReportHook']
