"""What is known of an enrolled instance beside its features: how a model was shown its classes."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mmvrec.visualization.instances import central_views

#: Grey levels by which the channels of a grey image may differ in the mean, as JPEG rounds.
_GREY_LEVELS = 2.0
#: Share of the image from which on an instance is the image.
_WHOLE = 0.98


@dataclass(frozen=True)
class InstanceFacts:
    """One enrolled instance.

    Args:
        image (str): path of its image, or what :func:`image_name` calls it.
        width (int): of the image, pixels.
        height (int): of the image, pixels.
        is_colour (bool): whether its widest view has colours.
        brightness (float): mean of the widest view, in [0, 255].
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
    def of(cls, record: Mapping, item: Mapping) -> 'InstanceFacts':
        """Describe an instance.

        Args:
            record (Mapping): see :class:`InstanceRecord`.
            item (Mapping): the packed record: ``inputs``, uint8, (V, 3 or 4, S, S), and
                ``data_samples`` with ``view_boxes`` and ``bbox``.
        """
        sample = item['data_samples']
        widest = item['inputs'][central_views(sample.view_boxes, sample.bbox)[0]][:3].float()
        height, width = record['img_shape']
        x1, y1, x2, y2 = (float(value) for value in record['bbox'])
        area = (x2 - x1) * (y2 - y1)
        return cls(
            image=image_of(record),
            width=int(width),
            height=int(height),
            is_colour=has_colour(widest),
            brightness=float(widest.mean()),
            area=area,
            is_whole=record['mask'] is None and area >= _WHOLE * width * height,
        )


def has_colour(view: Tensor) -> bool:
    """Whether the channels of a view, float, (3, S, S), in [0, 255], differ."""
    return bool((view.amax(0) - view.amin(0)).mean() > _GREY_LEVELS)


def image_of(record: Mapping) -> str:
    """Path of the image of a record; of pixels without file what their id begins with."""
    return record.get('img_path') or record['instance_id'].rpartition('@')[0]
