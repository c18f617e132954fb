"""Rows of CSV annotations with the columns of MVTec-FS."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from reprlib import repr as short

from mmvrec.utils.files import read_bytes
from mmvrec.utils.images import is_image_size

_SEPARATORS = ',;\t'
_BOX = ('x1', 'y1', 'x2', 'y2')
_SIZE = ('imageHeight', 'imageWidth')


def read_rows(path: Path, columns: Sequence[str]) -> list[dict]:
    """Read the rows of a CSV file, as dictionaries of strings.

    Raises:
        ValueError: some of ``columns`` are missing, it is not UTF-8, or no file to be read.
        csv.Error: it is not a CSV file.
    """
    text = read_bytes(path).decode('utf-8-sig')
    header = text.partition('\n')[0]
    # Spreadsheets separate by semicolons where the comma is the decimal point.
    separator = max(_SEPARATORS, key=header.count)
    # A polygon fills one field, and the csv module's default limit is 131072 characters.
    limit = csv.field_size_limit(2**31 - 1)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=''), delimiter=separator)
        present = reader.fieldnames or ()
        rows = list(reader)
    finally:
        csv.field_size_limit(limit)
    missing = [name for name in columns if name not in present]
    if missing:
        raise ValueError(f'columns {missing} are missing, it has {list(present)[:20]}')
    return rows


def check_filled(row: dict, columns: Sequence[str]) -> None:
    """Raise ``ValueError`` where one of ``columns`` is empty, or a row has more than its header."""
    if row.get(None):
        raise ValueError(
            f'it has {len(row[None])} more fields than the header; put fields with commas in quotes'
        )
    empty = [name for name in columns if row.get(name) in (None, '')]
    if empty:
        raise ValueError(f'the columns {empty} are empty')


def parse_geometry(row: dict) -> dict:
    """Parse image size, box and polygon of a row.

    Args:
        row (dict): strings ``x1``, ``y1``, ``x2``, ``y2`` in pixels; and where they are known
            ``imageHeight`` and ``imageWidth`` in pixels, and ``points``, a JSON list of [x, y].

    Returns:
        dict: ``img_shape`` (height, width) or None, ``bbox`` and ``mask`` of a record.

    Raises:
        ValueError: something is not a number, or not as described.
    """
    numbers = {}
    for name in (*_SIZE, *_BOX):
        if row.get(name) in (None, ''):
            continue
        try:
            numbers[name] = float(row[name])
        except ValueError as error:
            raise ValueError(f'{name} is not a number: {row[name]!r}') from error
    return {
        'img_shape': declared_shape(numbers),
        'bbox': [numbers[name] for name in _BOX],
        'mask': parse_polygon(row.get('points')),
    }


def declared_shape(numbers: dict[str, float]) -> tuple[int, int] | None:
    """Check the height and width that a row declares; None where it declares neither.

    Raises:
        ValueError: they are not those of an image.
    """
    if not any(name in numbers for name in _SIZE):
        return None
    height, width = (numbers.get(name, 0.0) for name in _SIZE)
    if not (height > 0 and width > 0 and height.is_integer() and width.is_integer()):
        raise ValueError(f'the image size {height:g} x {width:g} is not two positive integers')
    if not is_image_size(int(height), int(width)):
        raise ValueError(f'the image size {height:g} x {width:g} is more than images can have')
    return int(height), int(width)


def parse_polygon(text: str | None) -> dict | None:
    """Parse the JSON list of points of a row as the mask of a record; None where it is empty.

    Raises:
        ValueError: it is no such list.
    """
    if not text:
        return None
    try:
        points = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'points is not a JSON list: {error}') from error
    if not isinstance(points, list):
        raise ValueError(f'points is not a JSON list but {short(points)}')
    return {'type': 'polygon', 'points': [points]}
