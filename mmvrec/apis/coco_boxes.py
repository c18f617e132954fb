"""Boxes of images from COCO files."""

import json
from collections.abc import Sequence
from pathlib import Path


def read_boxes(path: str | Path, images: Sequence[str]) -> list[list[list[float]]]:
    """Boxes of images from a COCO annotation file, which names its images.

    Args:
        path (str | Path): JSON with ``images`` and ``annotations``; images are known by the name
            of their file, without folder, which must tell them apart.
        images (Sequence[str]): the images.

    Returns:
        list: of every image its boxes, x1, y1, x2, y2 in pixels; empty for an image without any.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such JSON file, lacks one of the images, or several share a name.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no file of boxes at {path}')
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
        names = {image['id']: Path(image['file_name']).name for image in content['images']}
        boxes: dict[str, list] = {name: [] for name in names.values()}
        for annotation in content['annotations']:
            x, y, width, height = map(float, annotation['bbox'])
            boxes[names[annotation['image_id']]].append([x, y, x + width, y + height])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(
            f'{path} is not a COCO file with images, annotations and their bbox: {error!r}'
        ) from error
    repeated = sorted({name for name in names.values() if [*names.values()].count(name) > 1})
    if repeated:
        raise ValueError(f'{path} has several images of one name: {repeated[:5]}')
    missing = [image for image in images if Path(image).name not in boxes]
    if missing:
        raise ValueError(f'{path} does not know the images {missing[:5]}; it has {list(boxes)[:5]}')
    return [boxes[Path(image).name] for image in images]
