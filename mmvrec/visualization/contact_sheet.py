"""Contact sheets: examples of every class of a dataset in one picture."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from mmengine.dataset import BaseDataset
from PIL import Image, ImageDraw, ImageFont

from mmvrec.structures import InstanceRecord
from mmvrec.utils.files import atomic_write
from mmvrec.utils.images import MAX_PIXELS
from mmvrec.visualization.fonts import Font, lettering
from mmvrec.visualization.outline import draw_outline

_TILE = 176
_GAP = 8
_CAPTION = 20
_HEADING = 30
_ROW_HEIGHT = _TILE + _CAPTION + _GAP
_HEADING_SIZE = 14
_CAPTION_SIZE = 10
_BACKGROUND = 'white'
_INK = '#222222'
_FAINT = '#777777'
_FRAME = '#bbbbbb'
#: Side of a crop in multiples of the defect's longer side, and its least size in pixels.
_CONTEXT = 1.8
_LEAST_SIDE = 64


def pick_examples(records: Sequence[InstanceRecord], per_class: int = 8) -> list[int]:
    """Choose examples of every class, spread evenly over the dataset.

    Args:
        records (Sequence[InstanceRecord]): of a dataset, with ``task`` and ``label_name``.
        per_class (int): how many of each class at most. Defaults to 8.

    Returns:
        list[int]: indices into ``records``, class by class in the order of their first instance.
    """
    classes = defaultdict(list)
    for index, record in enumerate(records):
        classes[record['task'], record['label_name']].append(index)
    picked = []
    for indices in classes.values():
        positions = np.linspace(0, len(indices) - 1, min(per_class, len(indices)))
        picked += [indices[int(position)] for position in positions]
    return picked


def draw_contact_sheet(samples: Iterable[dict], path: str | Path, columns: int = 8) -> None:
    """Draw instances, each cut out with context and its mask outlined, below their class's name.

    Args:
        samples (Iterable[dict]): instances with ``img`` (uint8 RGB, shape (H, W, 3)),
            ``instance_mask`` (uint8, shape (H, W), non-zero is the defect), ``task``,
            ``label_name`` and ``caption`` (str, written below the picture).
        path (str | Path): the file to write; its suffix tells the format (``.png``).
        columns (int): pictures beside each other. Defaults to 8.

    Raises:
        ValueError: there is no sample, or the sheet would have more than 178 million pixels.
    """
    classes: dict[tuple[str, str], list[tuple[Image.Image, str]]] = defaultdict(list)
    for sample in samples:
        tile = Image.fromarray(make_tile(sample['img'], sample['instance_mask']))
        classes[sample['task'], sample['label_name']].append((tile, sample['caption']))
    if not classes:
        raise ValueError('a contact sheet needs at least one instance')
    columns = min(columns, max(map(len, classes.values())))
    heights = [_HEADING + -(-len(tiles) // columns) * _ROW_HEIGHT for tiles in classes.values()]
    size = (_GAP + columns * (_TILE + _GAP), sum(heights) + _GAP)
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(
            f'{len(classes)} classes make a contact sheet of {size[0]} x {size[1]} pixels; draw '
            'fewer, or fewer examples of each'
        )
    sheet = Image.new('RGB', size, _BACKGROUND)
    names = [' / '.join(name) for name in classes]
    letters = lettering(names)
    top = 0
    for name, tiles, height in zip(names, classes.values(), heights, strict=True):
        draw_class(sheet, top, letters.names[name], tiles, columns, letters.font)
        top += height
    with atomic_write(path) as temporary:
        sheet.save(temporary)


def draw_dataset_sheet(
    datasets: Mapping[str, BaseDataset], path: str | Path, per_class: int = 8
) -> None:
    """Draw examples of every class of several datasets together.

    Args:
        datasets (Mapping[str, BaseDataset]): by their names, which go into the captions; items have
            image and mask as :func:`mmvrec.datasets.inspection.build_to_inspect` makes them.
        path (str | Path): see :func:`draw_contact_sheet`.
        per_class (int): examples of a class at most. Defaults to 8.

    Raises:
        ValueError: a dataset holds features, an image is broken, or there is no instance.
    """
    items = [(name, i) for name, data in datasets.items() for i in range(len(data))]
    records = [datasets[name].get_data_info(i) for name, i in items]
    if not all('img_path' in record for record in records):
        raise ValueError('a contact sheet needs images, the dataset holds features')

    def samples() -> Iterator[dict]:
        for position in pick_examples(records, per_class):
            name, index = items[position]
            caption = f'{name}: {records[position]["instance_id"]}'
            yield {**datasets[name][index], 'caption': caption}

    draw_contact_sheet(samples(), path)


def draw_class(
    sheet: Image.Image,
    top: int,
    name: str,
    tiles: list[tuple[Image.Image, str]],
    columns: int,
    letters: Font,
) -> None:
    """Draw one class on a sheet: its name, and below it its pictures with their captions.

    Args:
        sheet (Image.Image): RGB, drawn on.
        top (int): row at which the name begins, pixels.
        name (str): the heading.
        tiles (list): pictures, 176 pixels square, and their captions.
        columns (int): pictures beside each other.
        letters (Font): of heading and captions.
    """
    draw = ImageDraw.Draw(sheet)
    font = letters.for_pillow(_HEADING_SIZE)
    draw.text((_GAP, top + 7), _fit(draw, name, font, sheet.width - 2 * _GAP), _INK, font)
    font = letters.for_pillow(_CAPTION_SIZE)
    for index, (tile, caption) in enumerate(tiles):
        row, column = divmod(index, columns)
        x, y = _GAP + column * (_TILE + _GAP), top + _HEADING + row * _ROW_HEIGHT
        sheet.paste(tile, (x, y))
        draw.rectangle((x - 1, y - 1, x + _TILE, y + _TILE), outline=_FRAME)
        text = _fit(draw, letters.drawable(caption), font, _TILE)
        draw.text((x, y + _TILE + 3), text, _FAINT, font)


def _fit(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """Cut the middle out of a text that is wider than it may be: both ends tell images apart."""
    # No character is narrower than a pixel.
    if len(text) <= width and draw.textlength(text, font) <= width:
        return text
    half = min(len(text) // 2, width)
    head, tail = text[:half], text[len(text) - half :]
    while draw.textlength(f'{head}…{tail}', font) > width:
        head, tail = head[:-1], tail[1:]
    return f'{head}…{tail}'


def make_tile(img: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Cut an instance out with context, and outline its mask.

    Args:
        img (np.ndarray): uint8, RGB, (H, W, 3).
        mask (np.ndarray): uint8, (H, W), non-zero is the defect.

    Returns:
        np.ndarray: uint8, RGB, (176, 176, 3).
    """
    x, y, width, height = cv2.boundingRect((mask != 0).astype(np.uint8))
    side = max(_LEAST_SIDE, round(_CONTEXT * max(width, height)))
    left, top = x + (width - side) // 2, y + (height - side) // 2
    tile = _resize(_crop(img, left, top, side), side)
    inside = _resize(_crop(mask, left, top, side), side) > 127
    draw_outline(tile, inside, margin=2)
    return tile


def _resize(pixels: np.ndarray, side: int) -> np.ndarray:
    interpolation = cv2.INTER_AREA if side > _TILE else cv2.INTER_CUBIC
    return cv2.resize(pixels, (_TILE, _TILE), interpolation=interpolation)


def _crop(pixels: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
    """Crop a square of an image, grey where it leaves it (black for a mask)."""
    height, width = pixels.shape[:2]
    fill = 0 if pixels.ndim == 2 else 225
    square = np.full((side, side, *pixels.shape[2:]), fill, np.uint8)
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + side, width), min(top + side, height)
    square[y1 - top : y2 - top, x1 - left : x2 - left] = pixels[y1:y2, x1:x2]
    return square
