"""Boxes, polygons and run lengths of COCO annotations, as the many exporters write them."""

import math
import sys
from reprlib import repr as short

import numpy as np
from pycocotools import mask as coco_mask

from mmvrec.structures.borders import cut_at_border
from mmvrec.structures.rle import read_rle

#: Pixels that the outline of a mask may be long: pycocotools takes a hundred bytes for each.
_LONGEST_OUTLINE = 2**22


def read_geometry(annotation: dict, height: int, width: int) -> dict:
    """Read box and mask of an annotation.

    Polygons are filled by pycocotools, as everywhere with COCO, and cut at the border before. A
    box without mask that CVAT has turned (``attributes.rotation``) becomes a mask.

    Args:
        annotation (dict): with ``bbox`` (x, y, width, height), ``segmentation`` or both.
        height (int): of the image, pixels.
        width (int): of the image, pixels.

    Returns:
        dict: ``bbox`` and ``mask`` of a record, and ``is_cut`` where a polygon was cut.

    Raises:
        ValueError: they cannot be used.
    """
    bbox = read_bbox(annotation.get('bbox'))
    segmentation = annotation.get('segmentation')
    if isinstance(segmentation, dict) and segmentation:
        return _with_mask(bbox, _read_mask(segmentation, height, width))
    polygons = read_polygons(segmentation)
    if not polygons and bbox is not None:
        polygons = turned_box(bbox, annotation.get('attributes'))
        if not polygons:
            return {'bbox': bbox, 'mask': None}
        bbox = [*polygons[0].min(0).tolist(), *polygons[0].max(0).tolist()]
    if not polygons:
        raise ValueError('it has neither a bbox nor a segmentation')
    cuts = [cut_at_border(points, height, width, 'the polygon') for points in polygons]
    geometry = _with_mask(bbox, fill_polygons([points for points, _ in cuts], height, width))
    if any(is_cut for _, is_cut in cuts):
        geometry['is_cut'] = True
    return geometry


def _with_mask(bbox: list[float] | None, rle: dict) -> dict:
    if coco_mask.area(rle) == 0:
        raise ValueError('the segmentation covers no pixel')
    if bbox is None:
        x, y, width, height = coco_mask.toBbox(rle).tolist()
        bbox = [x, y, x + width, y + height]
    counts = rle['counts'].decode('ascii')
    return {'bbox': bbox, 'mask': {'type': 'rle', 'size': rle['size'], 'counts': counts}}


def read_bbox(bbox: object) -> list[float] | None:
    """Read the corners x1, y1, x2, y2 of a COCO box, None when there is none."""
    if bbox is None or bbox == []:
        return None
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(is_number, bbox)):
        raise ValueError(f'bbox must be the numbers [x, y, width, height], got {short(bbox)}')
    x, y, width, height = bbox
    # Decimal coordinates add up to a little more than the image's edge.
    return [float(x), float(y), round(float(x + width), 3), round(float(y + height), 3)]


def _read_mask(rle: dict, height: int, width: int) -> dict:
    size = rle.get('size')
    if size != [height, width]:
        raise ValueError(f'the RLE has size {short(size)}, its image {[height, width]}')
    return read_rle(rle.get('counts'), height, width)


def read_polygons(segmentation: object) -> list[np.ndarray]:
    """Read the points (N, 2) of a segmentation's polygons; none where it is empty in any way."""
    if segmentation is None or segmentation in ('', {}):
        return []
    if not isinstance(segmentation, list):
        raise ValueError(f'segmentation must be a list or an RLE, got {short(segmentation)}')
    if segmentation and all(map(is_number, segmentation)):
        segmentation = [segmentation]
    polygons = [_read_polygon(part) for part in segmentation if part and part != [[]]]
    sizes = [len(set(map(tuple, points.tolist()))) for points in polygons]
    # coco-annotator leaves points and lines among the polygons, which cover nothing.
    areas = [points for points, size in zip(polygons, sizes, strict=True) if size > 2]
    if polygons and not areas:
        raise ValueError(f'a polygon needs at least 3 different points, got {max(sizes)}')
    return areas


def _read_polygon(part: object) -> np.ndarray:
    if not isinstance(part, list) or not all(map(is_number, part)):
        raise ValueError('a polygon must be a list of finite numbers [x1, y1, x2, y2, ...]')
    if len(part) % 2:
        raise ValueError(f'a polygon needs x and y of every point, got {len(part)} numbers')
    return np.array(part, np.float64).reshape(-1, 2)


def turned_box(bbox: list[float], attributes: object) -> list[np.ndarray]:
    """Turn a box as CVAT does, clockwise about its centre, to a polygon; none where upright."""
    degrees = attributes.get('rotation') if isinstance(attributes, dict) else None
    if degrees is None:
        return []
    if not is_number(degrees):
        raise ValueError(f'attributes.rotation must be degrees, got {short(degrees)}')
    x1, y1, x2, y2 = bbox
    if degrees % 360 == 0 or x2 <= x1 or y2 <= y1:
        return []
    cos, sin = math.cos(math.radians(degrees % 360)), math.sin(math.radians(degrees % 360))
    centre = np.array([x1 + x2, y1 + y2]) / 2
    corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]) - centre
    return [np.round(corners @ np.array([[cos, sin], [-sin, cos]]) + centre, 3)]


def fill_polygons(polygons: list[np.ndarray], height: int, width: int) -> dict:
    """Draw polygons, points (N, 2), as one compressed RLE.

    Raises:
        ValueError: their outlines are longer than any mask's.
    """
    sides = [np.diff(points, axis=0, append=points[:1]) for points in polygons]
    length = sum(float(np.abs(side).max(1).sum()) for side in sides)
    if length > _LONGEST_OUTLINE:
        raise ValueError(
            f'the outline of the mask is {length:.0f} pixels long, at most {_LONGEST_OUTLINE} are '
            'drawn'
        )
    flat = [points.flatten().tolist() for points in polygons]
    return coco_mask.merge(coco_mask.frPyObjects(flat, height, width))


def is_number(value: object) -> bool:
    """Whether a value of JSON is a number that a float can hold."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    # Integers of JSON have any length.
    return -sys.float_info.max <= value <= sys.float_info.max
