"""Instances of an image, from whatever tells where they are."""

import numpy as np
import torch

from mmvrec.structures import encode_mask, mask_bbox

#: Fields with boxes and with masks: MMDetection's, torchvision's, supervision's.
_BOXES = ('bboxes', 'boxes', 'xyxy')
_MASKS = ('masks', 'mask')
_SCORES = ('scores', 'confidence')


def image_instances(instances: object, height: int, width: int) -> list[dict]:
    """Boxes and masks of the instances of one image.

    Args:
        instances (object): one of

            - None: the whole image is one instance;
            - boxes, numbers of shape (N, 4): x1, y1, x2, y2 in pixels;
            - masks, bool or numbers of shape (N, H, W) or (N, 1, H, W); above one half is inside
              where they are floats (torchvision), not zero where they are not; those of an anomaly
              detector's heat-map come from :func:`mmvrec.datasets.heat_map_masks`;
            - a dict or an object with ``bboxes``, ``boxes`` or ``xyxy`` and, or, ``masks`` or
              ``mask``, and perhaps ``scores`` or ``confidence``: torchvision's detections,
              supervision's ``Detections``, MMEngine's ``InstanceData``;
            - an object whose ``pred_instances`` is one of these: MMDetection's ``DetDataSample``.
        height (int): of the image, pixels.
        width (int): of the image, pixels.

    Returns:
        list[dict]: ``bbox`` (x1, y1, x2, y2, cut at the border of the image) and ``mask`` (RLE, see
        :func:`decode_mask`, or None) of every instance; from a detector that tells it also
        ``det_score``.

    Raises:
        ValueError: wrong shapes, numbers that are not finite, a box without area or outside the
            image, or an empty mask.
    """
    found = _geometry(instances, height, width)
    scores = _field(getattr(instances, 'pred_instances', instances), _SCORES)
    if scores is None:
        return found
    scores = _as_array(scores)
    if scores.shape != (len(found),):
        raise ValueError(f'{len(found)} instances, but scores of shape {scores.shape}')
    return [{**one, 'det_score': float(score)} for one, score in zip(found, scores, strict=True)]


def _geometry(instances: object, height: int, width: int) -> list[dict]:
    if instances is None:
        return [{'bbox': [0.0, 0.0, float(width), float(height)], 'mask': None}]
    instances = getattr(instances, 'pred_instances', instances)
    boxes, masks = _field(instances, _BOXES), _field(instances, _MASKS)
    if boxes is None and masks is None:
        array = _as_array(instances)
        if array.size == 0:
            return []
        if array.ndim == 2 and array.shape[1] == 4:
            boxes = array
        else:
            masks = array
    if masks is None:
        return [{'bbox': box, 'mask': None} for box in _read_boxes(boxes, height, width)]
    masks = _read_masks(masks, height, width)
    if boxes is not None and len(_as_array(boxes)) != len(masks):
        raise ValueError(f'{len(_as_array(boxes))} boxes and {len(masks)} masks')
    # The box of the mask, as everywhere: a detector's box and its mask need not agree.
    return [{'bbox': mask_bbox(mask), 'mask': encode_mask(mask)} for mask in masks]


def _field(instances: object, names: tuple[str, ...]) -> object | None:
    for name in names:
        value = (
            instances.get(name) if isinstance(instances, dict) else getattr(instances, name, None)
        )
        if value is not None:
            return value
    return None


def _as_array(values: object) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    try:
        array = np.asarray(getattr(values, 'masks', values))
    except ValueError as error:
        raise ValueError(f'instances must be boxes (N, 4) or masks (N, H, W): {error}') from error
    if array.dtype != bool and not np.issubdtype(array.dtype, np.number):
        raise ValueError(
            f'instances must be boxes (N, 4) or masks (N, H, W), got {type(values).__name__}'
        )
    return array


def _read_boxes(boxes: object, height: int, width: int) -> list[list[float]]:
    boxes = _as_array(boxes)
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
        if inside[2] <= inside[0] or inside[3] <= inside[1]:
            raise ValueError(
                f'box {index} lies outside the image of {width} x {height} pixels: {box.tolist()}'
            )
    return cut.tolist()


def _read_masks(masks: object, height: int, width: int) -> list[np.ndarray]:
    masks = _as_array(masks)
    if masks.size == 0:
        return []
    if masks.ndim == 4 and masks.shape[1] == 1:
        masks = masks[:, 0]
    if masks.ndim != 3 or masks.shape[1:] != (height, width):
        raise ValueError(
            f'masks must have shape (N, H, W) = (N, {height}, {width}), got {masks.shape}; boxes '
            'have shape (N, 4)'
        )
    inside = masks > 0.5 if np.issubdtype(masks.dtype, np.floating) else masks != 0
    empty = [index for index, mask in enumerate(inside) if not mask.any()]
    if empty:
        raise ValueError(f'masks {empty[:5]} are empty')
    return list(inside)
