"""Files with the boxes and masks that a detector has found."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmvrec.utils.files import read_bytes, read_json
from mmvrec.utils.pickled_arrays import DETECTION_NAMES, as_array
from mmvrec.utils.pickles import read_pickle


@dataclass(frozen=True)
class Detection:
    """One box that a detector has found.

    Args:
        image (str): name of the image file, as the detector's file has it.
        bbox (tuple[float, ...]): x1, y1, x2, y2 in pixels.
        score (float): the detector's, in [0, 1].
        mask (dict, optional): compressed RLE with ``size`` and ``counts`` (str).
    """

    image: str
    bbox: tuple[float, ...]
    score: float
    mask: dict | None = None


def read_detections(path: str | Path, image_file: str | Path | None = None) -> list[Detection]:
    """Read what a detector has found.

    Args:
        path (str | Path): COCO results, a JSON list of ``image_id``, ``bbox`` (x, y, width,
            height), ``score`` and, or not, ``segmentation`` (RLE); or the pickle of MMDetection's
            ``tools/test.py --out``, of which only tensors and arrays are read: a pickle that would
            run anything else is refused.
        image_file (str | Path, optional): COCO file whose ``images`` tell the names of the ids.
            Needed where the ids are numbers and the file has no names.

    Returns:
        list[Detection]: in the order of the file.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: it is neither, damaged, or has entries that cannot be used; all are listed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no file of detections at {path}')
    is_pickle = path.suffix in ('.pkl', '.pickle')
    entries = _read_pickle(path) if is_pickle else _read_json(path)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f'{path} is no list of detections')
    names = {} if image_file is None else image_names(image_file)
    found, problems = [], []
    for index, entry in enumerate(entries):
        try:
            found += _of_sample(entry, names) if is_pickle else [_of_result(entry, names)]
        except KeyError as error:
            problems.append(f'  entry {index}: it has no {error}')
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            problems.append(f'  entry {index}: {error}')
    if problems:
        more = f'\n  … and {len(problems) - 10} more' if len(problems) > 10 else ''
        raise ValueError(
            f'{path}: {len(problems)} entries cannot be used\n' + '\n'.join(problems[:10]) + more
        )
    return found


def _read_json(path: Path) -> object:
    try:
        return read_json(path)
    except ValueError as error:
        raise ValueError(
            f'{path} is neither a JSON file nor a pickle (.pkl) of detections: {error}'
        ) from error


def _read_pickle(path: Path) -> object:
    try:
        return read_pickle(read_bytes(path), DETECTION_NAMES)[0]
    except ValueError as error:
        raise ValueError(
            f"{path} is no pickle of MMDetection's tools/test.py --out: {error}"
        ) from error


def image_names(path: str | Path) -> dict:
    """File names of the images of a COCO file, by id.

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


def _of_result(entry: dict, names: dict) -> Detection:
    """A detection from an entry of COCO results."""
    x, y, width, height = map(float, entry['bbox'])
    mask = entry.get('segmentation')
    return _checked(
        _name(entry['image_id'], names), (x, y, x + width, y + height), entry['score'], mask or None
    )


def _of_sample(sample: dict, names: dict) -> Iterator[Detection]:
    """Detections of one image from MMDetection's ``DetDataSample.to_dict()``."""
    image = sample.get('img_path')
    image = image if isinstance(image, str) and image else _name(sample['img_id'], names)
    instances = sample['pred_instances']
    boxes = as_array(instances['bboxes']).reshape(-1, 4)
    scores = as_array(instances['scores'])
    masks = instances.get('masks')
    masks = [None] * len(boxes) if masks is None else masks
    for box, score, mask in zip(boxes.tolist(), scores.tolist(), masks, strict=True):
        yield _checked(image, tuple(box), score, mask)


def _name(identity: object, names: dict) -> str:
    if not isinstance(identity, str | int):
        raise ValueError('its image is neither a number nor a name')
    if identity in names:
        return names[identity]
    if isinstance(identity, str):
        return identity
    raise ValueError(
        f'the name of image {identity!r} is not known; give the COCO file that the detector was '
        f'run on (image_file){", which has other ids" if names else ""}'
    )


def _checked(image: str, box: Sequence[float], score: object, mask: object) -> Detection:
    score = float(score)
    if not all(map(math.isfinite, box)):
        raise ValueError(f'{image}: the box {list(box)} has NaN or infinite coordinates')
    if not 0 <= score <= 1:
        raise ValueError(f'{image}: the score {score} is not between 0 and 1')
    if mask is None:
        return Detection(image, tuple(box), score)
    if not isinstance(mask, dict) or not {'size', 'counts'} <= set(mask):
        raise ValueError(f'{image}: its mask is no RLE (size, counts); write masks as RLE')
    counts = mask['counts']
    counts = counts.decode('ascii') if isinstance(counts, bytes) else counts
    if not isinstance(counts, str):
        raise ValueError(f'{image}: its RLE is not compressed; write masks as compressed RLE')
    return Detection(image, tuple(box), score, {'size': list(mask['size']), 'counts': counts})
