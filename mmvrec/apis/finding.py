"""Finders that learn from records, and what they find as files."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmvrec.apis.records import image_pixels
from mmvrec.finding import DetectedBoxes, TrainedPatchFinder
from mmvrec.structures import decode_mask, encode_mask
from mmvrec.utils.images import read_image
from mmvrec.visualization.outline import draw_outline

#: Pixels between a region and its outline.
_MARGIN = 3


def fit_finder(photos: Mapping[str, Sequence[dict]], **options: float) -> TrainedPatchFinder:
    """Learn to find what is annotated.

    Args:
        photos (Mapping[str, Sequence[dict]]): see :func:`annotated_photos`; what no record of a
            photo covers is taken to be clean.
        **options (float): of :class:`TrainedPatchFinder`.

    Returns:
        TrainedPatchFinder: fitted, on the photos in this order.

    Raises:
        FileNotFoundError: an image, or the weights of the network, are missing.
        ValueError: whole images are annotated, or there are too few photos.
    """
    masks = [record_masks(own) for own in photos.values()]
    if masks and all(own.any(0).all() for own in masks):
        raise ValueError(
            'whole images are annotated, so that it cannot be learnt where defects are; annotate '
            'boxes, polygons or masks'
        )
    return TrainedPatchFinder(**options).fit(map(read_image, photos), masks)


def annotated_photos(records: Iterable[dict]) -> dict[str, list[dict]]:
    """Records of instances, see :class:`DefectDataset`, by the path of their photo.

    Raises:
        ValueError: one is of no file.
    """
    photos: dict[str, list[dict]] = {}
    for record in records:
        photos.setdefault(record['img_path'], []).append(record)
    if None in photos:
        raise ValueError('a finder learns from image files; arrays have no names to tell photos by')
    return photos


def record_masks(records: Sequence[dict]) -> np.ndarray:
    """Masks of the instances of one photo, bool, (N, H, W)."""
    return np.stack([decode_mask(r['mask'], r['bbox'], *r['img_shape']) > 0 for r in records])


def coco_results(images: Sequence[str], found: Sequence[DetectedBoxes]) -> list[dict]:
    """What was found as COCO results, the surest of an image first.

    Args:
        images (Sequence[str]): the files.
        found (Sequence[DetectedBoxes]): of each.

    Returns:
        list[dict]: ``image_id``, the file, as in the results of Ultralytics; ``category_id`` 1;
        ``bbox``, x, y, width, height in pixels; ``score``; and ``segmentation``, RLE, where there
        are masks. JSON-able; :func:`mmvrec.apis.instance_files.read_instances` reads it.
    """
    results = []
    for image, own in zip(images, found, strict=True):
        for row, (x1, y1, x2, y2) in enumerate(own.boxes.tolist()):
            entry = {
                'image_id': Path(image).as_posix(),
                'category_id': 1,
                'bbox': [x1, y1, x2 - x1, y2 - y1],
                'score': float(own.scores[row]),
            }
            if own.masks is not None:
                entry['segmentation'] = encode_mask(own.masks[row])
            results.append(entry)
    return results


def outlined(image: str | np.ndarray, found: DetectedBoxes) -> np.ndarray:
    """An image with the outlines of what was found, beside it and not over it; uint8, (H, W, 3)."""
    picture = image_pixels(image).copy()
    for row, (x1, y1, x2, y2) in enumerate(found.boxes.astype(int)):
        if found.masks is not None:
            draw_outline(picture, found.masks[row], margin=_MARGIN)
        else:
            mask = np.zeros(picture.shape[:2], bool)
            mask[y1:y2, x1:x2] = True
            draw_outline(picture, mask, margin=_MARGIN)
    return picture
