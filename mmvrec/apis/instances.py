"""Instances of an image, from whatever tells where they are."""

from collections.abc import Mapping, Sequence
from numbers import Number

import cv2
import numpy as np
import torch

from mmvrec.datasets.formats.detections import entry_geometry
from mmvrec.structures import encode_mask, mask_bbox
from mmvrec.structures.borders import cut_box
from mmvrec.utils.arrays import as_array

#: Fields with the instances of one image, with boxes, masks and scores: MMDetection's,
#: torchvision's and Ultralytics', supervision's, Detectron2's.
_INSIDE = ('pred_instances', 'instances')
_BOXES = ('bboxes', 'boxes', 'xyxy', 'pred_boxes')
_MASKS = ('masks', 'mask', 'pred_masks')
_SCORES = ('scores', 'confidence', 'conf')
_ENTRY_SCORES = ('score', 'predicted_iou')
#: Where objects of boxes and of masks have their numbers.
_NUMBERS = ('tensor', 'xyxy', 'masks', 'data')


def image_instances(instances: object, height: int, width: int) -> list[dict]:
    """Read boxes and masks of the instances of one image.

    Args:
        instances (object): one of

            - None: the whole image is one instance;
            - boxes, numbers of shape (N, 4): x1, y1, x2, y2 in pixels;
            - masks, bool or numbers of shape (N, H, W) or (N, 1, H, W); above one half is inside
              where they are floats (torchvision), not zero where they are not; those of an anomaly
              detector's heat-map come from :func:`mmvrec.datasets.heat_map_masks`;
            - a dict or an object with ``bboxes``, ``boxes``, ``xyxy`` or ``pred_boxes`` and, or,
              ``masks``, ``mask`` or ``pred_masks``, and perhaps ``scores``, ``confidence`` or
              ``conf``: torchvision's detections, supervision's ``Detections``, MMEngine's
              ``InstanceData``, Ultralytics' ``Results``, Detectron2's ``Instances``;
            - a dict or an object whose ``pred_instances`` or ``instances`` is one of these:
              MMDetection's ``DetDataSample``, the output of Detectron2;
            - a list of dicts with ``bbox`` (x, y, width, height) or ``segmentation`` (a mask, an
              RLE or polygons), or both, and perhaps ``score`` or ``predicted_iou``: the masks of
              SAM, COCO results of this image;
            - a list with one output of these kinds alone.
        height (int): of the image, pixels.
        width (int): of the image, pixels.

    Returns:
        list[dict]: ``bbox`` (x1, y1, x2, y2, cut at the border of the image) and ``mask`` (RLE, see
        :func:`decode_mask`, or None) of every instance; from a detector that tells it also
        ``det_score``.

    Raises:
        ValueError: wrong shapes, numbers that are not finite, a box without area or one that leaves
            the image by more than :func:`mmvrec.structures.borders.cut_box` cuts off, an empty
            mask, or one for an image of another size.
    """
    if instances is None:
        return [{'bbox': [0.0, 0.0, float(width), float(height)], 'mask': None}]
    instances = _unwrapped(instances)
    if _are_entries(instances):
        geometries = _read_entries(instances, height, width)
        scores = [_field(entry, _ENTRY_SCORES) for entry in instances]
        return geometries if None in scores else _with_scores(geometries, scores)
    boxes, masks = _field(instances, _BOXES), _field(instances, _MASKS)
    scores = _field(instances, _SCORES)
    if scores is None:
        scores = _field(boxes, _SCORES)
    if boxes is None and masks is None:
        array = _as_array(instances)
        if array.size == 0:
            return []
        boxes, masks = (array, None) if array.ndim == 2 and array.shape[1] == 4 else (None, array)
    geometries = read_geometries(boxes, masks, height, width)
    return geometries if scores is None else _with_scores(geometries, scores)


def _unwrapped(instances: object) -> object:
    """Unwrap lists of one output, and samples and dicts around it."""
    if isinstance(instances, list | tuple) and len(instances) == 1:
        (only,) = instances
        plain = (Number, str, np.ndarray, torch.Tensor, list, tuple, type(None))
        if not isinstance(only, plain) and not _are_entries(instances):
            return _unwrapped(only)
    inner = _field(instances, _INSIDE)
    return instances if inner is None else _unwrapped(inner)


def _field(instances: object, names: tuple[str, ...]) -> object | None:
    for name in names:
        value = (
            instances.get(name)
            if isinstance(instances, Mapping)
            else getattr(instances, name, None)
        )
        if value is not None:
            return value
    return None


def _are_entries(instances: object) -> bool:
    if not isinstance(instances, list | tuple) or not instances:
        return False
    return all(isinstance(i, Mapping) and {'bbox', 'segmentation'} & set(i) for i in instances)


def _read_entries(entries: Sequence[Mapping], height: int, width: int) -> list[dict]:
    geometries = []
    for index, entry in enumerate(entries):
        try:
            geometries.append(entry_geometry(entry, height, width))
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(f'instance {index}: {error}') from error
    return geometries


def _with_scores(geometries: list[dict], scores: object) -> list[dict]:
    scores = _as_array(scores)
    if scores.shape != (len(geometries),):
        raise ValueError(f'{len(geometries)} instances, but scores of shape {scores.shape}')
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise ValueError(f'the scores of the instances {bad[:5].tolist()} are not finite')
    return [
        {**one, 'det_score': float(score)} for one, score in zip(geometries, scores, strict=True)
    ]


def read_geometries(
    boxes: object | None, masks: object | None, height: int, width: int
) -> list[dict]:
    """Read the instances of boxes, of masks, or of both, of which the masks count."""
    if masks is None:
        return [{'bbox': box, 'mask': None} for box in _read_boxes(boxes, height, width)]
    if isinstance(masks, list) and masks and all(isinstance(mask, Mapping) for mask in masks):
        geometries = _read_entries([{'segmentation': mask} for mask in masks], height, width)
    else:
        # The box of the mask, as everywhere: a detector's box and its mask need not agree.
        geometries = [
            {'bbox': mask_bbox(mask), 'mask': encode_mask(mask)}
            for mask in read_masks(masks, height, width)
        ]
    if boxes is not None and len(_numbers(boxes)) != len(geometries):
        raise ValueError(f'{len(_numbers(boxes))} boxes and {len(geometries)} masks')
    return geometries


def _numbers(values: object) -> np.ndarray:
    """Take the array that objects of boxes or masks hold."""
    inner = None if isinstance(values, np.ndarray | torch.Tensor) else _field(values, _NUMBERS)
    return _as_array(values if inner is None else inner)


def _as_array(values: object) -> np.ndarray:
    try:
        array = as_array(values)
    except ValueError as error:
        raise ValueError(f'instances must be boxes (N, 4) or masks (N, H, W): {error}') from error
    if array.dtype != bool and not np.issubdtype(array.dtype, np.number):
        raise ValueError(
            f'instances must be boxes (N, 4) or masks (N, H, W), got {type(values).__name__}'
        )
    return array


def _read_boxes(boxes: object, height: int, width: int) -> list[list[float]]:
    boxes = _numbers(boxes)
    if boxes.size == 0:
        return []
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f'boxes must have shape (N, 4): x1, y1, x2, y2; got {boxes.shape}')
    boxes = boxes.astype(np.float64)
    cut = boxes.clip(0, [width, height, width, height])
    for index, (box, inside) in enumerate(zip(boxes, cut, strict=True)):
        if not np.isfinite(box).all():
            raise ValueError(f'box {index} has NaN or infinite coordinates: {box.tolist()}')
        if box[2] <= box[0] or box[3] <= box[1]:
            raise ValueError(f'box {index} (x1, y1, x2, y2) has no area: {box.tolist()}')
        if (box != inside).any():
            try:
                cut_box(box, height, width)
            except ValueError as error:
                raise ValueError(f'box {index}: {error}') from error
        if inside[2] <= inside[0] or inside[3] <= inside[1]:
            raise ValueError(f'box {index} lies beside the image: {box.tolist()}')
    return cut.tolist()


def read_masks(masks: object, height: int, width: int) -> list[np.ndarray]:
    """Read masks at the size of the image, bool, (H, W) each, none empty."""
    array = _numbers(masks)
    if array.size == 0:
        return []
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    if getattr(masks, 'orig_shape', None) is not None and array.ndim == 3:
        array = resize_letterboxed(array, tuple(masks.orig_shape))
    if array.ndim != 3 or array.shape[1:] != (height, width):
        raise ValueError(
            f'masks must have shape (N, H, W) = (N, {height}, {width}), got {array.shape}; boxes '
            'have shape (N, 4)'
        )
    inside = array > 0.5 if np.issubdtype(array.dtype, np.floating) else array != 0
    empty = [index for index, mask in enumerate(inside) if not mask.any()]
    if empty:
        raise ValueError(f'masks {empty[:5]} are empty')
    return list(inside)


def resize_letterboxed(masks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize masks that Ultralytics gives at the size of its network to that of the image.

    They lie in the middle of a frame, into which the image was fitted without distortion.

    Args:
        masks (np.ndarray): (N, h, w).
        shape (tuple[int, int]): height and width of the image, pixels.
    """
    if masks.shape[1:] == shape:
        return masks
    height, width = shape
    scale = min(masks.shape[1] / height, masks.shape[2] / width)
    inner = round(height * scale), round(width * scale)
    top, left = (
        round((frame - side) / 2 - 0.1) for frame, side in zip(masks.shape[1:], inner, strict=True)
    )
    fitted = masks[:, top : top + inner[0], left : left + inner[1]].astype(np.float32)
    return np.stack([cv2.resize(mask, (width, height)) for mask in fitted])
