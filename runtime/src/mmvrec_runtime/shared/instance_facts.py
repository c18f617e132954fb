"""What is known of an enrolled instance beside its features: how a model was shown its classes.

NumPy alone: mmvrec-runtime has a copy of this file, to the byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

#: Grey levels by which the channels of a grey image may differ in the mean, as JPEG rounds.
_GREY_LEVELS = 2.0
#: Pixels of the longer side that are looked at.
_SIDE = 256
#: Share of the image from which on an instance is the image.
_WHOLE = 0.98


@dataclass(frozen=True)
class InstanceFacts:
    """One enrolled instance.

    Args:
        image (str): path of its image, or what :func:`image_name` calls it.
        width (int): of the image, pixels.
        height (int): of the image, pixels.
        is_colour (bool): whether the image has colours.
        brightness (float): mean of the image, in [0, 255].
        area (float): of its box, square pixels.
        is_whole (bool): whether the instance is the whole image.
    """

    image: str
    width: int
    height: int
    is_colour: bool
    brightness: float
    area: float
    is_whole: bool

    @classmethod
    def of(cls, record: Mapping, pixels: np.ndarray) -> 'InstanceFacts':
        """Describe an instance.

        Args:
            record (Mapping): see :class:`InstanceRecord`.
            pixels (np.ndarray): of its image, upright, uint8, RGB, (H, W, 3).
        """
        height, width = pixels.shape[:2]
        x1, y1, x2, y2 = (float(value) for value in record['bbox'])
        area = (x2 - x1) * (y2 - y1)
        # A few ten thousand pixels are enough for a mean.
        step = max(1, max(height, width) // _SIDE)
        sample = pixels[::step, ::step].astype(np.float32)
        return cls(
            image=image_of(record),
            width=width,
            height=height,
            is_colour=has_colour(sample),
            brightness=float(sample.mean()),
            area=area,
            is_whole=record['mask'] is None and area >= _WHOLE * width * height,
        )


def has_colour(pixels: np.ndarray) -> bool:
    """Whether the channels of an image, float, (H, W, 3), in [0, 255], differ."""
    return bool((pixels.max(2) - pixels.min(2)).mean() > _GREY_LEVELS)


def image_of(record: Mapping) -> str:
    """Path of the image of a record; of pixels without file what their id begins with."""
    return record.get('img_path') or record['instance_id'].rpartition('@')[0]
