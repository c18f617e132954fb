from mmvrec.models.classifiers.mvrec import MVRECClassifier

__all__ = ['MVRECClassifier']
