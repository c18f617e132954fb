"""Records and labels of instances that a user hands over."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import numpy as np

from mmvrec.apis.instances import image_instances
from mmvrec.datasets import DefectDataset
from mmvrec.datasets.checks import label_problem
from mmvrec.utils.images import decode_image, image_shape, read_image, to_rgb

#: A file, the content of one, or pixels.
Image = str | Path | bytes | np.ndarray
#: The end of an id of :func:`image_records` whose place an instance before it has.
_AGAIN = re.compile(r'@[^@]*;\d+$')


def image_records(image: Image, instances: object, name: str, task: str) -> list[dict]:
    """Make records of the instances of one image, as datasets have them.

    Args:
        image (Image): a file, the bytes of one, or a uint8 array, RGB (H, W, 3) or grey (H, W).
        instances (object): see :func:`image_instances`.
        name (str): of the image, for ids and messages.
        task (str): of all instances.

    Returns:
        list[dict]: records; ``instance_id`` is made of image and place, and of a number from the
        second instance on that has the same place.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a broken image or instance.
    """
    if not isinstance(image, Image):
        raise ValueError(
            'an image must be a file, the bytes of one or a uint8 array (H, W, 3), got '
            f'{type(image).__name__}'
        )
    if isinstance(image, bytes | np.ndarray):
        pixels = image_pixels(image)
        common = {'img': pixels, 'img_path': None, 'img_shape': pixels.shape[:2]}
    else:
        common = {'img_path': str(image), 'img_shape': image_shape(image)}
    geometries = image_instances(instances, *common['img_shape'])
    records, times = [], Counter()
    for geometry in geometries:
        identity = name + _place(geometry)
        times[identity] += 1
        number = f';{times[identity]}' if times[identity] > 1 else ''
        records.append({**common, **geometry, 'instance_id': identity + number, 'task': task})
    return records


def check_given_once(records: Sequence[Sequence[dict]]) -> None:
    """Raise ``ValueError`` for instances of an image that have the same place, to be enrolled."""
    again = [record['instance_id'] for image in records for record in image]
    again = [identity for identity in again if _AGAIN.search(identity)]
    if again:
        raise ValueError(f'instances {again[:5]} are given twice; leave the second out')


def as_lists(images: Image | Sequence[Image], instances: object) -> tuple[list, list]:
    """Make lists of one image or several, and of their instances.

    Raises:
        ValueError: they are something else, or their numbers differ.
    """
    if isinstance(images, Image):
        return [images], [instances]
    if not isinstance(images, Sequence):
        raise ValueError(
            'images must be files or uint8 arrays, one or a list of them, got '
            f'{type(images).__name__}'
        )
    images = list(images)
    instances = [None] * len(images) if instances is None else list(instances)
    if len(instances) != len(images):
        raise ValueError(f'{len(images)} images, but instances of {len(instances)}')
    return images, instances


def image_name(image: Image) -> str:
    """Name an image: by its path, or by a digest of its content, which is always the same."""
    if isinstance(image, bytes):
        return f'image {sha256(image).hexdigest()[:12]}'
    if isinstance(image, np.ndarray):
        content = f'{image.dtype} {image.shape}'.encode() + np.ascontiguousarray(image).tobytes()
        return f'array {sha256(content).hexdigest()[:12]}'
    return str(image)


def records_of_images(images: Sequence[Image], instances: Sequence, task: str) -> list[list[dict]]:
    """Make records of the instances of every image, all offenders in one error.

    Args:
        images (Sequence[Image]): the images.
        instances (Sequence): see :func:`image_instances`, for each.
        task (str): of all instances.

    Returns:
        list[list[dict]]: the records.

    Raises:
        FileNotFoundError: an image is missing.
        ValueError: broken images or instances.
    """
    records, problems = [], []
    for image, given in zip(images, instances, strict=True):
        name = image_name(image)
        try:
            records.append(image_records(image, given, name, task))
        except ValueError as error:
            message = str(error)
            problems.append(message if message.startswith(name) else f'{name}: {message}')
    if problems:
        raise ValueError('\n'.join(problems))
    return records


def records_of_dataset(dataset: DefectDataset, task: str) -> list[dict]:
    """List the records of a dataset of one task.

    Raises:
        ValueError: it has several tasks.
    """
    if len(dataset.task_classes) != 1:
        raise ValueError(
            f'the dataset has the tasks {list(dataset.task_classes)}; an inferencer tells the '
            'classes of one apart, so load one (categories=[…])'
        )
    return [{**dataset.get_data_info(i), 'task': task} for i in range(len(dataset))]


def _place(geometry: dict) -> str:
    """Write where an instance is, so that the same one always has the same id."""
    place = '@' + ','.join(f'{value:g}' for value in geometry['bbox'])
    if geometry['mask'] is None:
        return place
    return f'{place}:{crc32(geometry["mask"]["counts"].encode()):08x}'


def image_pixels(image: Image) -> np.ndarray:
    """Upright pixels of an image, uint8, RGB, (H, W, 3).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded, or is an array of another type or shape.
    """
    if isinstance(image, bytes):
        return to_rgb(decode_image(image, 'the image'))
    if not isinstance(image, np.ndarray):
        return read_image(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ValueError(f'an image must be uint8, got {image.dtype} of shape {image.shape}')
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if image.shape[2] != 3 or image.size == 0:
        raise ValueError(f'an image must be RGB (H, W, 3) or grey (H, W), got {image.shape}')
    return image


def labels_of(labels: str | Sequence, records: list[list[dict]]) -> list[str]:
    """Give every instance of every image its label.

    Args:
        labels (str | Sequence): one for all; or one for each image, or a list of one for each of
            its instances.
        records (list[list[dict]]): of the instances of every image.

    Returns:
        list[str]: of the instances of all images.

    Raises:
        ValueError: the numbers do not fit, or a label is no name.
    """
    per_image = [labels] * len(records) if isinstance(labels, str) else list(labels)
    if len(per_image) != len(records):
        raise ValueError(f'{len(records)} images, but labels of {len(per_image)}')
    names = []
    for instances, given in zip(records, per_image, strict=True):
        if not isinstance(given, Iterable):
            raise ValueError(f'labels must be class names, or lists of them, got {given!r}')
        own = [given] * len(instances) if isinstance(given, str) else list(given)
        if len(own) != len(instances):
            raise ValueError(
                f'{instances[0]["instance_id"] if instances else "an image without instances"}: '
                f'{len(instances)} instances of its image, but {len(own)} labels'
            )
        names += own
    bad = [n for n in names if not isinstance(n, str) or label_problem(n.strip(), None)]
    if bad:
        raise ValueError(f'labels must be class names, got {bad[:3]}')
    return [name.strip() for name in names]
