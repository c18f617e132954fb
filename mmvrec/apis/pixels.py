"""Image and mask of instances for pictures, read as they are to be embedded."""

from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.dataset import Compose

from mmvrec.datasets.transforms import LoadDefectImage, LoadInstanceMask
from mmvrec.registry import TRANSFORMS


class InstancePixels:
    """Reads images and masks of instances; those of one image that follow each other, once.

    Args:
        pipeline (Sequence[dict]): configs of the transforms that make the views; of them that which
            loads the image is used, which knows the bits of the camera.
    """

    def __init__(self, pipeline: Sequence[dict]):
        transforms = [TRANSFORMS.build(dict(transform)) for transform in pipeline]
        images = [t for t in transforms if isinstance(t, LoadDefectImage)]
        self._load = Compose([*images, LoadInstanceMask()])

    def __call__(self, record: Mapping) -> tuple[np.ndarray, np.ndarray]:
        """Read one.

        Args:
            record (Mapping): of the instance, see :class:`DefectDataset`.

        Returns:
            tuple[np.ndarray, np.ndarray]: image, uint8, RGB, upright, (H, W, 3); mask, uint8, 0 and
            255, (H, W).

        Raises:
            FileNotFoundError: the image is not there.
            ValueError: image or mask cannot be read.
        """
        loaded = self._load(dict(record))
        return loaded['img'], loaded['instance_mask']
