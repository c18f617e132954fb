"""Instances of images, from files that name the images."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmvrec.datasets.formats.detections import Detection, box_of, image_names, read_detections
from mmvrec.datasets.image_names import match_names
from mmvrec.structures import annotation_orientation, decode_mask, turn_box
from mmvrec.utils.files import read_json
from mmvrec.utils.images import image_shape, read_header


def read_instances(
    path: str | Path,
    images: Sequence[str],
    image_file: str | Path | None = None,
    score_threshold: float = 0.3,
) -> list[dict]:
    """Read boxes or masks of images from annotations, or from detections.

    Images are known by the name of their file, or its stem, and by the folders before it as far as
    it takes to tell them apart.

    Args:
        path (str | Path): a COCO file with ``images`` and ``annotations``, of which the boxes are
            read; or what :func:`read_detections` reads: COCO results, ``predictions.json`` of
            Ultralytics, or the pickle of MMDetection's ``tools/test.py --out``.
        images (Sequence[str]): the images.
        image_file (str | Path, optional): COCO file with the names of the images, where results
            have only their ids.
        score_threshold (float): detections with lower scores are left out. Defaults to 0.3.

    Returns:
        list[dict]: of every image what :func:`image_instances` reads, in upright pixels:
        ``bboxes`` of annotations; ``bboxes`` or ``masks``, and ``scores``, of detections, the
        surest first. An image may have none.

    Raises:
        FileNotFoundError: a file or an image is missing.
        ValueError: it is no such file, names do not tell images apart, annotations lack one of the
            images or are made for one of another size, or all results are of other images.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no file of boxes at {path}')
    if not 0 <= score_threshold <= 1:
        raise ValueError(f'score_threshold must be in [0, 1], got {score_threshold}')
    images = [str(image) for image in images]
    if path.suffix not in ('.pkl', '.pickle'):
        try:
            content = read_json(path)
        except ValueError as error:
            raise ValueError(f'{path} is not a COCO file: {error}') from error
        # COCO results are a list.
        if not isinstance(content, list):
            return annotated_instances(path, content, images)
    return detected_instances(path, images, image_file, score_threshold)


def annotated_instances(path: Path, content: object, images: Sequence[str]) -> list[dict]:
    """Take the boxes of images from the content of a COCO file; see :func:`read_instances`."""
    try:
        names = {image['id']: str(image['file_name']) for image in content['images']}
        sizes = {names[i['id']]: (i.get('height'), i.get('width')) for i in content['images']}
        boxes: dict[str, list] = {name: [] for name in names.values()}
        for annotation in content['annotations']:
            boxes[names[annotation['image_id']]].append(box_of(annotation))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(
            f'{path} is not a COCO file with images, annotations and their bbox: {error!r}'
        ) from error
    if len(boxes) < len(names):
        twice = [name for name, number in Counter(names.values()).items() if number > 1]
        raise ValueError(f'{path} has several images of one name: {twice[:5]}')
    own = match_names(boxes, images, path)
    missing = [image for image in images if own[image] is None]
    if missing:
        raise ValueError(f'{path} does not know the images {missing[:5]}; it has {list(boxes)[:5]}')
    return [
        {'bboxes': upright_boxes(boxes[own[image]], sizes[own[image]], image, path)}
        for image in images
    ]


def upright_boxes(
    boxes: list[list[float]], size: tuple[int | None, int | None], image: str, path: Path
) -> list[list[float]]:
    """Turn boxes with an image, where they were made for its stored pixels.

    Args:
        boxes (list[list[float]]): x1, y1, x2, y2 in pixels.
        size (tuple[int | None, int | None]): height and width that the annotations tell.
        image (str): the file.
        path (Path): of the annotations, for the message.

    Raises:
        FileNotFoundError: there is no such image.
        ValueError: it has another size.
    """
    header = read_header(image)
    try:
        orientation = annotation_orientation(None if None in size else size, header, image)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    return [turn_box(box, header.shape, orientation) for box in boxes]


def detected_instances(
    path: Path, images: Sequence[str], image_file: str | Path | None, score_threshold: float
) -> list[dict]:
    """Read what a detector has given for images; see :func:`read_instances`."""
    detections: dict[str, list[Detection]] = defaultdict(list)
    for detection in sorted(read_detections(path, image_file), key=lambda d: -d.score):
        detections[detection.image].append(detection)
    names = [*detections, *([] if image_file is None else image_names(image_file).values())]
    own = match_names(names, images, path)
    # An image without any detection is not in the results; whether they are of others altogether
    # is known all the same.
    if names and images and not any(own.values()):
        raise ValueError(
            f'{path} does not know the images {list(images)[:5]}; it has {sorted({*names})[:5]}'
        )
    try:
        return [
            instances_of_image(
                [d for d in detections.get(own[image], ()) if d.score >= score_threshold], image
            )
            for image in images
        ]
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def instances_of_image(detections: Sequence[Detection], image: str) -> dict:
    """Stack the boxes of the detections, or their masks where they have them, and the scores."""
    scores = np.array([detection.score for detection in detections])
    with_mask = [detection for detection in detections if detection.mask is not None]
    if not with_mask:
        return {'bboxes': np.array([d.bbox for d in detections]).reshape(-1, 4), 'scores': scores}
    if len(with_mask) < len(detections):
        raise ValueError(
            f'{image}: only {len(with_mask)} of {len(detections)} detections have masks'
        )
    height, width = image_shape(image)
    try:
        geometries = [detection.geometry(height, width) for detection in detections]
    except ValueError as error:
        raise ValueError(f'{image}: {error}') from error
    masks = [decode_mask(one['mask'], one['bbox'], height, width) > 0 for one in geometries]
    return {'masks': np.stack(masks), 'scores': scores}
