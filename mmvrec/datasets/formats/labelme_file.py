"""What a JSON file of LabelMe holds, for those that write one."""

import base64
from collections.abc import Sequence

import cv2
import numpy as np

#: Release of LabelMe whose files these are.
_VERSION = '5.5.0'


def labelme_content(image: str, size: tuple[int, int], shapes: Sequence[dict]) -> dict:
    """Content of the file beside an image.

    Args:
        image (str): name of the image file, relative to the JSON file.
        size (tuple[int, int]): height and width of the upright image, pixels.
        shapes (Sequence[dict]): see :func:`labelme_shape` and :func:`labelme_mask`.
    """
    height, width = size
    return {
        'version': _VERSION,
        'flags': {},
        'shapes': list(shapes),
        'imagePath': image,
        'imageData': None,
        'imageHeight': height,
        'imageWidth': width,
    }


def labelme_shape(
    label: str,
    points: Sequence[Sequence[float]],
    kind: str,
    description: str = '',
    group: int | None = None,
) -> dict:
    """A shape.

    Args:
        label (str): class name.
        points (Sequence[Sequence[float]]): x, y in upright pixels: two corners of a
            ``rectangle``, three or more of a ``polygon``.
        kind (str): ``rectangle`` or ``polygon``.
        description (str): shown beside it. Defaults to nothing.
        group (int, optional): shapes with the same one are one instance.
    """
    return {
        'label': label,
        'points': [list(point) for point in points],
        'group_id': group,
        'description': description,
        'shape_type': kind,
        'flags': {},
        'mask': None,
    }


def labelme_mask(label: str, mask: np.ndarray, description: str = '') -> dict:
    """A shape of the type ``mask``: a PNG at the place of its box.

    Args:
        label (str): class name.
        mask (np.ndarray): bool, (H, W), not empty.
        description (str): shown beside it. Defaults to nothing.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom, left, right = (int(v) for v in (rows[0], rows[-1], columns[0], columns[-1]))
    crop = mask[top : bottom + 1, left : right + 1].astype(np.uint8)
    png = base64.b64encode(cv2.imencode('.png', crop)[1].tobytes()).decode()
    shape = labelme_shape(label, [[left, top], [right, bottom]], 'mask', description)
    return {**shape, 'mask': png}
