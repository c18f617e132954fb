"""Reader of ``corrections.json``, in which the review page saves what a person has decided."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from string import hexdigits
from typing import Literal, get_args

from mmvrec.datasets.checks import label_problem
from mmvrec.structures.rle import read_rle
from mmvrec.utils.files import read_bytes

#: What the file calls itself, and its version.
FORMAT, VERSION = 'mmvrec-corrections', 1
#: Bytes that a file may have, entries in it, and characters of a text.
_MAX_BYTES, _MAX_ENTRIES, _MAX_TEXT = 2**26, 200_000, 4096

Verdict = Literal['accepted', 'relabelled', 'unknown', 'no defect']
_VERDICTS = get_args(Verdict)
#: Verdicts that name a class.
_LABELLED = ('accepted', 'relabelled')
_KEYS = {'format', 'version', 'model', 'corrections'}
_ENTRY_KEYS = {'image', 'instance_id', 'bbox', 'label', 'verdict'}
#: Sides of an image in pixels, and characters of a mask.
_MAX_SIDE, _MAX_COUNTS = 2**16, 2**22


@dataclass(frozen=True)
class Correction:
    """What a person has said of one instance.

    Args:
        image (str): the image, as it was handed to ``mmvrec classify``.
        instance_id (str): ``id`` of the instance in the results.
        bbox (tuple[float, float, float, float]): x1, y1, x2, y2 in upright pixels, x1 < x2 and
            y1 < y2.
        label (str, optional): its class, which the model need not have; None where the verdict
            names none.
        verdict (Verdict): ``accepted`` (the answer is right), ``relabelled`` (it is of another
            class), ``unknown`` (of no class that has a name) or ``no defect`` (nothing is there).
        mask (Mapping, optional): what of the image is the instance, RLE with ``size`` (height and
            width of the image) and ``counts`` (compressed, a text). Defaults to None: the box.
    """

    image: str
    instance_id: str
    bbox: tuple[float, float, float, float]
    label: str | None
    verdict: Verdict
    mask: Mapping | None = None


@dataclass(frozen=True)
class Corrections:
    """A file of corrections.

    Args:
        model (str): SHA-256 of the saved model's file that gave the answers, hexadecimal; the
            caller compares it, see :func:`mmvrec.utils.files.sha256_file`.
        corrections (tuple[Correction, ...]): in the order of the file, each of another instance.
    """

    model: str
    corrections: tuple[Correction, ...]


def read_corrections(path: str | Path) -> Corrections:
    """Read ``corrections.json``; nothing of it is believed before it is checked.

    The file is ``{"format": "mmvrec-corrections", "version": 1, "model": SHA-256, "corrections":
    [{"image", "instance_id", "bbox", "label", "verdict"}, …]}`` with exactly these keys; an entry
    may have "mask" too.

    Args:
        path (str | Path): the file, at most 64 MiB, with at most 200,000 corrections.

    Returns:
        Corrections: what it says.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, of another version, too large, or an entry is wrong; the
            first wrong entry is named by its place, from 1.
    """
    try:
        content = json.loads(read_bytes(path, _MAX_BYTES))
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: no such file of corrections') from error
    except RecursionError as error:
        raise ValueError(f'{path}: not a JSON file that can be read: nested too deeply') from error
    except (ValueError, OSError) as error:
        raise ValueError(f'{path}: not a JSON file: {error}') from error
    try:
        return _checked(content)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def _checked(content: object) -> Corrections:
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise ValueError(f'not a file of corrections (its "format" is not {FORMAT!r})')
    if type(content.get('version')) is not int or content['version'] != VERSION:
        raise ValueError(
            f'corrections of version {short(content.get("version"))}, only {VERSION} is read; '
            'update mmvrec'
        )
    _check_keys(content, _KEYS)
    model, entries = content['model'], content['corrections']
    if not isinstance(model, str) or len(model) != 64 or not set(model) <= set(hexdigits.lower()):
        raise ValueError(f'"model" must be the SHA-256 of a saved model, got {short(model)}')
    if not isinstance(entries, list) or len(entries) > _MAX_ENTRIES:
        raise ValueError(f'"corrections" must be a list of at most {_MAX_ENTRIES} entries')
    corrections: dict[tuple[str, str], Correction] = {}
    for place, entry in enumerate(entries, 1):
        try:
            correction = _correction(entry)
            key = correction.image, correction.instance_id
            if key in corrections:
                raise ValueError(f'the instance {correction.instance_id!r} has an entry already')
            corrections[key] = correction
        except ValueError as error:
            raise ValueError(f'correction {place}: {error}') from error
    return Corrections(model, tuple(corrections.values()))


def _correction(entry: object) -> Correction:
    if not isinstance(entry, dict):
        raise ValueError(f'must be an object, got {short(entry)}')
    _check_keys(entry, _ENTRY_KEYS | {'mask'} & set(entry))
    for key in ('image', 'instance_id'):
        if not isinstance(entry[key], str) or not 0 < len(entry[key]) <= _MAX_TEXT:
            raise ValueError(f'"{key}" must be a text of 1 to {_MAX_TEXT} characters')
    label, verdict = entry['label'], entry['verdict']
    if verdict not in _VERDICTS:
        raise ValueError(f'"verdict" must be one of {list(_VERDICTS)}, got {short(verdict)}')
    if verdict in _LABELLED:
        label = _stripped(label)
    elif label is not None:
        raise ValueError(f'"label" must be null where the verdict is {verdict!r}')
    box, mask = _box(entry['bbox']), _mask(entry.get('mask'))
    return Correction(entry['image'], entry['instance_id'], box, label, verdict, mask)


def _check_keys(content: Mapping, keys: set[str]) -> None:
    if set(content) != keys:
        raise ValueError(f'the keys must be {sorted(keys)}, got {short(sorted(content))}')


def _stripped(label: object) -> str:
    """Check a class name, and strip it of blanks around it."""
    if not isinstance(label, str) or len(label) > _MAX_TEXT:
        raise ValueError(f'"label" must be a class name, got {short(label)}')
    problem = label_problem(label.strip(), None)
    if problem:
        raise ValueError(problem)
    return label.strip()


def _box(bbox: object) -> tuple[float, float, float, float]:
    numbers = isinstance(bbox, list) and len(bbox) == 4
    if not numbers or not all(type(v) in (int, float) and math.isfinite(v) for v in bbox):
        raise ValueError(f'"bbox" must be four finite numbers, got {short(bbox)}')
    x1, y1, x2, y2 = map(float, bbox)
    if not (x1 < x2 and y1 < y2):
        raise ValueError(f'"bbox" must be x1 < x2 and y1 < y2, got {bbox}')
    return x1, y1, x2, y2


def _mask(mask: object) -> dict | None:
    """Check a mask; that it fits its image is seen when this is read."""
    if mask is None:
        return None
    if not isinstance(mask, dict) or set(mask) != {'size', 'counts'}:
        raise ValueError(f'"mask" must have "size" and "counts", got {short(mask)}')
    size, counts = mask['size'], mask['counts']
    sides = isinstance(size, list) and len(size) == 2 and all(type(side) is int for side in size)
    if not sides or not all(0 < side <= _MAX_SIDE for side in size):
        raise ValueError(f'"size" of a mask must be height and width, got {short(size)}')
    if not isinstance(counts, str) or len(counts) > _MAX_COUNTS:
        raise ValueError('"counts" of a mask must be a text, its compressed run lengths')
    read_rle(counts, *size)
    return mask
