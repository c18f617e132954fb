"""Files that say where the instances of images are."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from mmvrec_runtime.images import read_image
from mmvrec_runtime.instances import Instance, image_instances
from mmvrec_runtime.shared.run_lengths import decode_counts, runs_mask

#: Bytes that a file of instances may have, and instances that a file of masks may have.
_MAX_BYTES, _MAX_VALUES = 2**30, 64


@dataclass(frozen=True)
class Entry:
    """One instance as a file has it.

    Args:
        image (str): name of its image.
        bbox (list[float], optional): x1, y1, x2, y2 in pixels.
        rle (dict, optional): its mask, ``size`` and ``counts`` as COCO has them.
        polygons (list, optional): its mask otherwise, see :func:`image_instances`.
        score (float, optional): of the detector, 0 to 1.
    """

    image: str
    bbox: list[float] | None = None
    rle: dict | None = None
    polygons: list | None = None
    score: float | None = None

    def instance(self, height: int, width: int) -> Instance:
        """On its image, of this height and width in pixels.

        Raises:
            ValueError: its box or mask does not fit.
        """
        if self.polygons is not None:
            return image_instances(height, width, polygons=[self.polygons])[0]
        if self.rle is None:
            return image_instances(height, width, boxes=[self.bbox])[0]
        if list(self.rle['size']) != [height, width]:
            raise ValueError(
                f'the mask is made for an image of {self.rle["size"]} pixels (height, width), the '
                f'image has {[height, width]}'
            )
        counts = self.rle['counts']
        runs = decode_counts(counts) if isinstance(counts, str) else counts
        return image_instances(height, width, masks=[runs_mask(runs, height, width)])[0]


def read_entries(
    path: str | Path, image_file: str | Path | None = None, score_threshold: float = 0.0
) -> list[Entry]:
    """Read boxes or masks of images.

    Args:
        path (str | Path): JSON of one of these forms: boxes by image, ``{"a.png": [[x1, y1, x2,
            y2], …], …}``, or polygons in their places, ``[[x, y], [x, y], …]``; COCO results, a
            list of ``image_id`` or ``file_name``, ``bbox`` (x, y, width, height) or
            ``segmentation`` (RLE or polygons), and ``score``; COCO annotations, of which the boxes
            are taken.
        image_file (str | Path, optional): COCO file with the names of the images, where results
            have numbers. Defaults to None.
        score_threshold (float): detections with lower scores are left out. Defaults to 0.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: it is of none of these forms, or has entries that cannot be used.
    """
    content = _read_json(path)
    names = _image_names(_read_json(image_file), image_file) if image_file else {}
    if isinstance(content, dict) and {'images', 'annotations'} <= set(content):
        names |= _image_names(content, path)
        content = [
            {**item, 'segmentation': None} if isinstance(item, dict) and item.get('bbox') else item
            for item in content['annotations']
        ]
    if isinstance(content, dict):
        if not all(isinstance(boxes, list) for boxes in content.values()):
            raise ValueError(f'{path} must have a list of boxes x1, y1, x2, y2 for every image')
        return [
            Entry(name, polygons=own) if _is_nested(own) else Entry(name, own)
            for name, instances in content.items()
            for own in instances
        ]
    if not isinstance(content, list):
        raise ValueError(f'{path} has neither boxes by image nor COCO results')
    entries, problems = [], []
    for index, item in enumerate(content):
        try:
            entries.append(_entry(item, names))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            problems.append(f'  entry {index}: {error!r}')
    if problems:
        raise ValueError(
            '\n'.join([f'{path}: {len(problems)} entries cannot be used', *problems[:10]])
        )
    return [e for e in entries if e.score is None or e.score >= score_threshold]


def entries_of_images(entries: Sequence[Entry], images: Sequence[str]) -> dict[str, list[Entry]]:
    """The entries of every image, matched by the name of the file, or its stem.

    Args:
        entries (Sequence[Entry]): of these images, and perhaps of others.
        images (Sequence[str]): files.

    Returns:
        dict[str, list[Entry]]: by file; of an image that no entry names none.

    Raises:
        ValueError: a name is that of several images.
    """
    by_name: dict[str, list[str]] = {}
    for image in images:
        path = Path(image)
        for name in {path.name, path.stem}:
            by_name.setdefault(name, []).append(image)
    found: dict[str, list[Entry]] = {image: [] for image in images}
    for entry in entries:
        parts = PurePosixPath(entry.image.replace('\\', '/')).parts
        matches = by_name.get(parts[-1] if parts else '', [])
        if len(matches) > 1:
            matches = [image for image in matches if Path(image).parts[-len(parts) :] == parts]
            if len(matches) != 1:
                raise ValueError(f'{entry.image!r} may be any of several images; name their folder')
        if matches:
            found[matches[0]].append(entry)
    return found


def mask_file_instances(folder: str | Path) -> Callable[[str, int, int], list[Instance]]:
    """Instances by PNG files that are called as the images, every grey value but 0 one of them.

    Args:
        folder (str | Path): of the PNG files.

    Returns:
        Callable: gives the instances of an image file, height and width in pixels. It raises
        ``ValueError`` where the mask has another size, or so many values that it is a picture.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f'no folder of masks at {folder}')

    def instances(image: str, height: int, width: int) -> list[Instance]:
        path = Path(folder) / f'{Path(image).stem}.png'
        if not path.is_file():
            return []
        values = read_image(path)[..., 0]
        if values.shape != (height, width):
            raise ValueError(f'{path} has {values.shape} pixels, the image {(height, width)}')
        numbers = [value for value in np.unique(values).tolist() if value]
        if len(numbers) > _MAX_VALUES:
            raise ValueError(
                f'{path} has {len(numbers)} values; every one but 0 is an instance, at most '
                f'{_MAX_VALUES}'
            )
        if not numbers:
            return []
        return image_instances(height, width, masks=[values == number for number in numbers])

    return instances


def _read_json(path: str | Path) -> object:
    if not Path(path).is_file():
        raise FileNotFoundError(f'no file of boxes at {path}')
    if Path(path).stat().st_size > _MAX_BYTES:
        raise ValueError(f'{path} has more than {_MAX_BYTES} bytes')
    try:
        return json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is no JSON file: {error}') from error


def _image_names(content: object, path: str | Path | None) -> dict:
    try:
        return {image['id']: str(image['file_name']) for image in content['images']}
    except (TypeError, KeyError) as error:
        raise ValueError(f'{path} is no COCO file with a list of images: {error!r}') from error


def _entry(item: dict, names: dict) -> Entry:
    identity = item.get('image_id')
    name = names.get(identity) or item.get('file_name') or identity
    if not isinstance(name, str):
        raise ValueError(f'the name of image {name!r} is not known; give --image-file')
    score = item.get('score')
    if score is not None and not 0 <= score <= 1:
        raise ValueError(f'the score {score} is not between 0 and 1')
    segmentation = item.get('segmentation')
    if isinstance(segmentation, dict):
        return Entry(name, None, {k: segmentation[k] for k in ('size', 'counts')}, score=score)
    if segmentation and segmentation != [[]]:
        polygons = segmentation if _is_nested(segmentation) else [segmentation]
        return Entry(name, polygons=polygons, score=score)
    x, y, width, height = map(float, item['bbox'])
    if not all(map(math.isfinite, (x, y, width, height))):
        raise ValueError(f'its bbox is {item["bbox"]}')
    return Entry(name, [x, y, x + width, y + height], score=score)


def _is_nested(values: object) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(v, list) for v in values)
