from mmvrec.datasets.transforms.formatting import PackViews
from mmvrec.datasets.transforms.loading import LoadDefectImage, LoadInstanceMask
from mmvrec.datasets.transforms.multi_view import MultiViewRegionContext

__all__ = ['LoadDefectImage', 'LoadInstanceMask', 'MultiViewRegionContext', 'PackViews']
