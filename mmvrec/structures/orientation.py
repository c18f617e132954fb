"""EXIF orientation: annotations of stored pixels are turned upright with their image.

Coordinates are those of a record: pixels from the corner of the image, so that a flip makes
``width - x`` of x, and the box of a mask (see :func:`mmvrec.structures.mask_bbox`) turns with it.
"""

import numpy as np

from mmvrec.structures.masks import decode_mask, encode_mask
from mmvrec.utils.image_headers import ImageHeader, turn_of
from mmvrec.utils.images import turn_pixels


def annotation_orientation(
    declared: tuple[int, int] | None, header: ImageHeader, name: str = 'the image'
) -> int:
    """Tell how an annotation is to be turned, by the image size that it declares.

    Annotation tools show, and count, upright pixels; some programs count those in the file. Only
    an orientation by a quarter turn tells them apart, and only if the image is not square: an
    annotation that fits both is taken as upright, as is one that declares nothing.

    Args:
        declared (tuple[int, int], optional): height and width that the annotation is made for.
        header (ImageHeader): of its image.
        name (str): what the image is called in the message. Defaults to ``the image``.

    Returns:
        int: 1 where the annotation is upright; the image's orientation where it is of the stored
        pixels.

    Raises:
        ValueError: it is for an image of another size.
    """
    if declared is None or tuple(declared) == header.shape:
        return 1
    if tuple(declared) == header.stored:
        return header.orientation
    height, width = header.shape
    raise ValueError(
        f'the annotation is for an image of {declared[0]} x {declared[1]} pixels (height x width), '
        f'but {name} has {height} x {width}; annotate the image as it is'
    )


def turn_points(points: np.ndarray, shape: tuple[int, int], orientation: int) -> np.ndarray:
    """Turn points of stored pixels upright.

    Args:
        points (np.ndarray): x, y in pixels, shape (..., 2).
        shape (tuple[int, int]): height and width of the upright image.
        orientation (int): EXIF orientation, 1 to 8.

    Returns:
        np.ndarray: float64, same shape.
    """
    swap, flip_columns, flip_rows = turn_of(orientation)
    turned = np.array(points, np.float64)
    if swap:
        turned = turned[..., ::-1].copy()
    height, width = shape
    if flip_columns:
        turned[..., 0] = width - turned[..., 0]
    if flip_rows:
        turned[..., 1] = height - turned[..., 1]
    return turned


def turn_box(box: list[float], shape: tuple[int, int], orientation: int) -> list[float]:
    """Turn a box x1, y1, x2, y2 of stored pixels upright; see :func:`turn_points`."""
    corners = turn_points(np.reshape(box, (2, 2)), shape, orientation)
    _, flip_columns, flip_rows = turn_of(orientation)
    # What is flipped begins at the other end. A box of negative size stays one, to be reported.
    for axis, flipped in enumerate((flip_columns, flip_rows)):
        if flipped:
            corners[:, axis] = corners[::-1, axis]
    return corners.flatten().tolist()


def turn_mask(entry: dict | None, shape: tuple[int, int], orientation: int) -> dict | None:
    """Turn the mask of a record upright; see :func:`turn_points`.

    Args:
        entry (dict, optional): polygons or RLE of the stored pixels, as :func:`decode_mask` takes
            them; None, that of a box, stays None.
        shape (tuple[int, int]): height and width of the upright image.
        orientation (int): EXIF orientation, 1 to 8.

    Returns:
        dict | None: of the same type.

    Raises:
        ValueError: the RLE cannot be decoded, or belongs to an image of another size.
    """
    if entry is None:
        return None
    if entry['type'] == 'polygon':
        polygons = [turn_points(polygon, shape, orientation) for polygon in entry['points']]
        return {'type': 'polygon', 'points': [polygon.tolist() for polygon in polygons]}
    stored = shape[::-1] if turn_of(orientation)[0] else shape
    return encode_mask(turn_pixels(decode_mask(entry, [], *stored), orientation))
