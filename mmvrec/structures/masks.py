"""Masks of instances: how they are stored in a record and turned into pixels."""

from reprlib import repr as short

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from mmvrec.structures.rle import read_rle

#: Value of a foreground pixel. The alpha channel travels as uint8 beside RGB.
FOREGROUND = 255


def encode_mask(mask: np.ndarray) -> dict:
    """Store a binary mask as a run-length encoded record entry.

    Args:
        mask (np.ndarray): bool or integer, shape (H, W); non-zero is foreground.

    Returns:
        dict: ``{'type': 'rle', 'size': [H, W], 'counts': str}``, COCO's compressed RLE.
    """
    rle = coco_mask.encode(np.asfortranarray(mask != 0).astype(np.uint8))
    return {'type': 'rle', 'size': list(rle['size']), 'counts': rle['counts'].decode('ascii')}


def decode_mask(entry: dict | None, bbox: list[float], height: int, width: int) -> np.ndarray:
    """Render the mask of one instance at the size of its image.

    Polygons and boxes are filled as the released code does: points truncated to integers, the
    outline included (``cv2.fillPoly``), so the box (x, y, x + 3, y + 4) covers 4 x 5 pixels.

    Args:
        entry (dict | None): ``{'type': 'polygon', 'points': [[[x, y], ...], ...]}``,
            ``{'type': 'rle', 'size': [H, W], 'counts': str}`` (see
            :func:`mmvrec.structures.rle.read_rle`), or None for a box-only instance.
        bbox (list[float]): x1, y1, x2, y2 in pixels; used when ``entry`` is None.
        height (int): image height in pixels.
        width (int): image width in pixels.

    Returns:
        np.ndarray: uint8, shape (H, W), values 0 and 255.

    Raises:
        ValueError: the RLE cannot be decoded, or belongs to an image of another size.
    """
    if entry is not None and entry['type'] == 'rle':
        size = list(entry['size'])
        if size != [height, width]:
            raise ValueError(
                f'the mask is made for an image of {" x ".join(map(short, size[:3]))} pixels '
                f'(height x width), the image has {height} x {width}'
            )
        try:
            pixels = coco_mask.decode(read_rle(entry['counts'], height, width))
        except (ValueError, KeyError) as error:
            raise ValueError(f'the RLE mask cannot be decoded: {error}') from error
        return pixels * np.uint8(FOREGROUND)
    if entry is None:
        x1, y1, x2, y2 = bbox
        polygons = [[[x1, y1], [x2, y1], [x2, y2], [x1, y2]]]
    else:
        polygons = entry['points']
    mask = np.zeros((height, width), np.uint8)
    points = [np.asarray(polygon, np.float64).astype(np.int32) for polygon in polygons]
    # One call a polygon: one call for all would leave their overlaps empty (even-odd rule).
    for polygon in points:
        cv2.fillPoly(mask, [polygon], FOREGROUND)
    return mask


def mask_bbox(mask: np.ndarray) -> list[float]:
    """Compute the bounding box of a non-empty mask.

    Args:
        mask (np.ndarray): shape (H, W); non-zero is foreground.

    Returns:
        list[float]: x1, y1, x2, y2 with x2 and y2 the last foreground column and row plus one.
    """
    x, y, width, height = cv2.boundingRect((mask != 0).astype(np.uint8))
    return [float(x), float(y), float(x + width), float(y + height)]
