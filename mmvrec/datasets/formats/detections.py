"""Files of detections: COCO results and the pickles of MMDetection."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short

import numpy as np
import torch
from pycocotools import mask as coco_mask

from mmvrec.datasets.formats.coco_geometry import read_geometry
from mmvrec.structures import encode_mask
from mmvrec.structures.borders import cut_box
from mmvrec.structures.rle import read_rle
from mmvrec.utils.arrays import as_array
from mmvrec.utils.files import read_bytes, read_json
from mmvrec.utils.images import is_image_size
from mmvrec.utils.pickled_arrays import DETECTION_NAMES, as_numbers, pickled_array
from mmvrec.utils.pickles import read_pickle


@dataclass(frozen=True)
class Detection:
    """One box that a detector has found.

    Args:
        image (str): name of the image file, as the detector's file has it, or its stem.
        bbox (tuple[float, ...]): x1, y1, x2, y2 in pixels; the box around the mask where the file
            has no other.
        score (float): the detector's, in [0, 1].
        mask (dict | list, optional): compressed RLE with ``size`` and ``counts`` (str), or COCO
            polygons.
    """

    image: str
    bbox: tuple[float, ...]
    score: float
    mask: dict | list | None = None

    def geometry(self, height: int, width: int) -> dict:
        """Fit box and mask to an image, as records have them.

        Args:
            height (int): of the image, pixels.
            width (int): of the image, pixels.

        Returns:
            dict: ``bbox``, cut at the border of the image, or around the mask, and ``mask``.

        Raises:
            ValueError: it leaves the image by more than a little, covers nothing of it, or is made
                for one of another size.
        """
        return _geometry(self.bbox, self.mask, height, width)


def read_detections(path: str | Path, image_file: str | Path | None = None) -> list[Detection]:
    """Read what a detector has found.

    Args:
        path (str | Path): COCO results, a JSON list of ``image_id``, ``bbox`` (x, y, width,
            height) or ``segmentation`` (RLE, compressed or not, or polygons), or both, and
            ``score``; or the pickle of MMDetection's ``tools/test.py --out``, of which only tensors
            and arrays are read: a pickle that would run anything else is refused. Where an entry
            has ``file_name``, as in ``predictions.json`` of Ultralytics, that is the image.
        image_file (str | Path, optional): COCO file whose ``images`` tell the names of the ids.
            Needed where the ids are numbers and the file has no names.

    Returns:
        list[Detection]: in the order of the file; none where the detector has found nothing.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: it is neither, damaged, or has entries that cannot be used; all are listed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no file of detections at {path}')
    is_pickle = path.suffix in ('.pkl', '.pickle')
    entries = read_entries(path, is_pickle)
    names = {} if image_file is None else image_names(image_file)
    detections, problems = [], []
    for index, entry in enumerate(entries):
        try:
            if is_pickle:
                detections += detections_of_sample(entry, names)
            else:
                detections.append(detection_of_result(entry, names))
        except KeyError as error:
            problems.append(f'  entry {index}: it has no {error}')
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            problems.append(f'  entry {index}: {error}')
    if problems:
        more = f'\n  … and {len(problems) - 10} more' if len(problems) > 10 else ''
        raise ValueError(
            f'{path}: {len(problems)} entries cannot be used\n' + '\n'.join(problems[:10]) + more
        )
    return detections


def read_entries(path: Path, is_pickle: bool) -> list[dict]:
    """Read the entries of a file of detections, see :func:`read_detections`.

    Raises:
        ValueError: it cannot be read, or is no list of dictionaries.
    """
    try:
        if is_pickle:
            entries, _ = read_pickle(read_bytes(path), DETECTION_NAMES)
        else:
            entries = read_json(path)
    except ValueError as error:
        expected = (
            "no pickle of MMDetection's tools/test.py --out"
            if is_pickle
            else 'neither a JSON file nor a pickle (.pkl) of detections'
        )
        raise ValueError(f'{path} is {expected}: {error}') from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f'{path} is no list of detections')
    return entries


def image_names(path: str | Path) -> dict:
    """Read the file names of the images of a COCO file, by id.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no COCO file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no COCO file with the names of the images at {path}')
    try:
        images = read_json(path)['images']
        return {image['id']: str(image['file_name']) for image in images}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f'{path} is no COCO file with a list of images: {error!r}') from error


def box_of(entry: Mapping) -> list[float]:
    """Read the corners x1, y1, x2, y2 of a COCO entry's box, else of that around its mask.

    Raises:
        ValueError: it has neither, or one that cannot be read.
    """
    bbox = entry.get('bbox')
    if bbox is not None and len(bbox):
        x, y, width, height = map(float, bbox)
        return [x, y, x + width, y + height]
    mask = _read_mask(entry.get('segmentation'))
    if mask is None:
        raise ValueError('it has neither a bbox nor a segmentation')
    if isinstance(mask, list):
        polygons = mask if isinstance(mask[0], list) else [mask]
        points = np.concatenate([np.array(p, np.float64).reshape(-1, 2) for p in polygons])
        return [*points.min(0).tolist(), *points.max(0).tolist()]
    x, y, width, height = coco_mask.toBbox(read_rle(mask['counts'], *mask['size'])).tolist()
    if not width:
        raise ValueError('it has no bbox, and its mask is empty')
    return [x, y, x + width, y + height]


def entry_geometry(entry: Mapping, height: int, width: int) -> dict:
    """Read box and mask of a COCO entry on its image, see :meth:`Detection.geometry`.

    Masks may be arrays as well, as those of SAM are.
    """
    mask = _read_mask(entry.get('segmentation'))
    return _geometry(box_of(entry) if mask is None else (), mask, height, width)


def _geometry(bbox: Sequence[float], mask: dict | list | None, height: int, width: int) -> dict:
    if mask is not None:
        geometry = read_geometry({'segmentation': mask}, height, width)
        return {key: geometry[key] for key in ('bbox', 'mask')}
    x1, y1, x2, y2 = cut = cut_box(bbox, height, width)[0]
    if x2 <= x1 or y2 <= y1:
        raise ValueError(f'the box {list(bbox)} (x1, y1, x2, y2) has no area')
    return {'bbox': cut, 'mask': None}


def detection_of_result(entry: dict, names: dict) -> Detection:
    """Read a detection from an entry of COCO results; ``names`` are those of images, by id."""
    image = _name(entry, names)
    try:
        box, mask = box_of(entry), _read_mask(entry.get('segmentation'))
    except ValueError as error:
        raise ValueError(f'{image}: {error}') from error
    return _checked(image, box, entry['score'], mask)


def detections_of_sample(sample: dict, names: dict) -> Iterator[Detection]:
    """Read the detections of one image from MMDetection's ``DetDataSample.to_dict()``."""
    image = sample.get('img_path')
    if not isinstance(image, str) or not image:
        image = _name({'image_id': sample['img_id']}, names)
    instances = sample['pred_instances']
    boxes = as_numbers(instances['bboxes']).reshape(-1, 4)
    scores = as_numbers(instances['scores'])
    masks = pickled_array(instances.get('masks'))
    masks = [None] * len(boxes) if masks is None else masks
    for box, score, mask in zip(boxes.tolist(), scores.tolist(), masks, strict=True):
        # Lists of a pickle may hold each other many times: a petabyte for whoever walks through.
        if isinstance(mask, list):
            raise ValueError('its mask is neither an RLE (size, counts) nor an array')
        yield _checked(image, tuple(box), score, _read_mask(pickled_array(mask)))


def _name(entry: dict, names: dict) -> str:
    identity = entry.get('image_id')
    if isinstance(identity, int | float | str) and identity in names:
        return names[identity]
    for name in (entry.get('file_name'), identity):
        if isinstance(name, str) and name:
            return name
    if identity is None:
        raise KeyError('image_id')
    raise ValueError(
        f'the name of image {short(identity)} is not known; give the COCO file that the detector '
        f'was run on (image_file){", which has other ids" if names else ""}'
    )


def _read_mask(mask: object) -> dict | list | None:
    """Read a mask as :class:`Detection` has it; polygons are checked with their image."""
    if isinstance(mask, np.ndarray | torch.Tensor):
        pixels = as_array(mask)
        if pixels.ndim != 2:
            raise ValueError(f'a mask must have shape (H, W), got {pixels.shape}')
        rle = encode_mask(pixels > 0.5 if pixels.dtype.kind == 'f' else pixels)
        return {key: rle[key] for key in ('size', 'counts')}
    if mask is None or mask in ('', {}, [], [[]]):
        return None
    if isinstance(mask, list):
        return mask
    if not isinstance(mask, dict) or not {'size', 'counts'} <= set(mask):
        raise ValueError('its mask is neither an RLE (size, counts) nor polygons')
    size, counts = mask['size'], mask['counts']
    if not isinstance(size, Sequence) or len(size) != 2 or not is_image_size(*size):
        raise ValueError(f'the size of its RLE is {short(size)}, which no image has')
    if not isinstance(counts, str | bytes):
        counts = read_rle(counts, *size)['counts']
    counts = counts.decode('ascii') if isinstance(counts, bytes) else counts
    return {'size': list(size), 'counts': counts}


def _checked(
    image: str, box: Sequence[float], score: object, mask: dict | list | None
) -> Detection:
    score = float(score)
    if not all(map(math.isfinite, box)):
        raise ValueError(f'{image}: the box {list(box)} has NaN or infinite coordinates')
    if not 0 <= score <= 1:
        raise ValueError(f'{image}: the score {score} is not between 0 and 1')
    return Detection(image, tuple(box), score, mask)
