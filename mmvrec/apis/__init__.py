from mmvrec.apis.inferencer import DefectInferencer

__all__ = ['DefectInferencer']
