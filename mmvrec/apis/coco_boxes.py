"""Boxes of images from COCO files."""

from collections.abc import Sequence
from pathlib import Path

from mmvrec.structures import annotation_orientation, turn_box
from mmvrec.utils.files import read_json
from mmvrec.utils.images import read_header


def read_boxes(path: str | Path, images: Sequence[str]) -> list[list[list[float]]]:
    """Boxes of images from a COCO annotation file, which names its images.

    Args:
        path (str | Path): JSON with ``images`` and ``annotations``; images are known by the name
            of their file, without folder, which must tell them apart. Where an image has ``height``
            and ``width``, these must fit; boxes of the stored pixels are turned upright, see
            :func:`mmvrec.structures.annotation_orientation`.
        images (Sequence[str]): the images.

    Returns:
        list: of every image its boxes, x1, y1, x2, y2 in upright pixels; empty for an image without
        any.

    Raises:
        FileNotFoundError: there is no such file, or an image is missing.
        ValueError: it is no such JSON file, lacks one of the images, several share a name, or it is
            made for images of another size.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no file of boxes at {path}')
    try:
        content = read_json(path)
        names = {image['id']: Path(image['file_name']).name for image in content['images']}
        sizes = {names[i['id']]: (i.get('height'), i.get('width')) for i in content['images']}
        boxes: dict[str, list] = {name: [] for name in names.values()}
        for annotation in content['annotations']:
            x, y, width, height = map(float, annotation['bbox'])
            boxes[names[annotation['image_id']]].append([x, y, x + width, y + height])
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(
            f'{path} is not a COCO file with images, annotations and their bbox: {error!r}'
        ) from error
    repeated = sorted({name for name in names.values() if [*names.values()].count(name) > 1})
    if repeated:
        raise ValueError(f'{path} has several images of one name: {repeated[:5]}')
    missing = [image for image in images if Path(image).name not in boxes]
    if missing:
        raise ValueError(f'{path} does not know the images {missing[:5]}; it has {list(boxes)[:5]}')
    return [
        _upright(boxes[Path(image).name], sizes[Path(image).name], image, path) for image in images
    ]


def _upright(
    boxes: list[list[float]], size: tuple[int | None, int | None], image: str, path: str | Path
) -> list[list[float]]:
    header = read_header(image)
    try:
        orientation = annotation_orientation(None if None in size else size, header, image)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    return [turn_box(box, header.shape, orientation) for box in boxes]
