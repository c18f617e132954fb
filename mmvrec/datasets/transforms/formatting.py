"""Packing of the views for the model."""

from mmcv.transforms import BaseTransform
from mmpretrain.structures import DataSample

from mmvrec.registry import TRANSFORMS

#: What a data sample tells about its instance.
META_KEYS = (
    'img_path',
    'instance_id',
    'task',
    'label_name',
    'bbox',
    'view_boxes',
    'sample_idx',
)


@TRANSFORMS.register_module()
class PackViews(BaseTransform):
    """Pack the views of an instance as model input and data sample.

    Required keys: ``views`` (Tensor), uint8, shape (V, C, H, W), or a ``ViewPlan``. Used where
    present: ``gt_label`` (int) and ``META_KEYS``.

    Returns:
        dict: ``inputs`` (Tensor), the views; ``data_samples`` (DataSample), with ``gt_label``
        (int64, shape (1,)) where known, and the ``META_KEYS`` as metainfo.

    Raises:
        KeyError: there are no views.
    """

    def transform(self, results: dict) -> dict:
        """Pack the views."""
        if 'views' not in results:
            raise KeyError("PackViews needs 'views'; put MultiViewRegionContext before it")
        sample = DataSample(metainfo={key: results[key] for key in META_KEYS if key in results})
        if results.get('gt_label') is not None:
            sample.set_gt_label(results['gt_label'])
        return {'inputs': results['views'], 'data_samples': sample}

    def __repr__(self) -> str:
        """``PackViews()``."""
        return f'{type(self).__name__}()'
