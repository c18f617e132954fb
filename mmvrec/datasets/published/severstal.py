"""Severstal: steel sheets with run-length encoded masks."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmvrec.datasets.formats.csv_rows import check_filled, read_rows
from mmvrec.datasets.mask_instances import MaskImageDefects
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.images import image_shape
from mmvrec.utils.paths import inside

_COLUMNS = ('ImageId', 'ClassId', 'EncodedPixels')
_CLASSES = ('1', '2', '3', '4')


@DATASETS.register_module()
class Severstal(MaskImageDefects):
    """Severstal steel defect detection, 1600 x 256 pixels, four classes without names.

    kaggle.com/c/severstal-steel-defect-detection (2019). A row of ``train.csv`` has all pixels of
    one class in one image, as pairs of first pixel, from 1, and length, column by column; the rule
    makes instances of them. The image files are looked at, for their size, under
    ``annotations_only`` too.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/severstal/``.
        **kwargs: see :class:`MaskImageDefects`; ``threshold`` has no meaning here.

    Raises:
        FileNotFoundError: ``train.csv`` or the folder of the images is missing.
        ValueError: bad arguments or annotations.
    """

    NAME = 'severstal'
    DATA_ROOT = 'data/severstal/'
    TASK_CLASSES = {'severstal': list(_CLASSES)}
    LICENCE = 'rules of the Kaggle competition: read them'
    LAYOUT = (
        'Severstal (https://www.kaggle.com/c/severstal-steel-defect-detection) looks like this:\n'
        '  data_root/train.csv with ImageId,ClassId,EncodedPixels\n'
        '  data_root/train_images/0002cc93b.jpg'
    )

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the rows in the order of the file; those without pixels are normal images."""
        path = Path(self.data_root, 'train.csv')
        if not path.is_file():
            raise FileNotFoundError(f'Severstal: no file {path}\n{self.LAYOUT}')
        images = self.folder('train_images')
        try:
            rows = read_rows(path, _COLUMNS)
        except (csv.Error, ValueError) as error:
            raise ValueError(f'{path} is not a usable CSV file: {error}') from error
        for line, row in enumerate(rows, start=2):
            if not row['EncodedPixels']:
                continue
            img_id = f'{row["ImageId"]}/{row["ClassId"]}'
            try:
                check_filled(row, _COLUMNS)
                image = Path(inside(images, row['ImageId'], images))
                mask = decode_runs(row['EncodedPixels'], *image_shape(image))
            except (ValueError, OSError) as error:
                self.report(path, img_id, f'row {line}: {error}')
                continue
            masks = self.instance_masks([mask])
            if not masks:
                message = f'row {line}: no component of at least {self.min_area} pixels'
                self.report(path, img_id, message, fatal=False)
            for index, (_, own) in enumerate(masks):
                record = self.mask_record(own, path, image, img_id, index, row['ClassId'])
                yield {**record, 'img_id': row['ImageId']}


def decode_runs(text: str, height: int, width: int) -> np.ndarray:
    """Decode pairs of first pixel, from 1, and length, column by column.

    Args:
        text (str): ``29102 12 29346 24``.
        height (int): of the image, pixels.
        width (int): of the image, pixels.

    Returns:
        np.ndarray: bool, (H, W).

    Raises:
        ValueError: they are no such pairs, or leave the image.
    """
    try:
        numbers = np.array(text.split(), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise ValueError(f'EncodedPixels are no integers: {error}') from error
    if len(numbers) % 2:
        raise ValueError(
            f'EncodedPixels must be pairs of first pixel and length, got {len(numbers)} numbers'
        )
    starts, lengths = numbers[::2] - 1, numbers[1::2]
    if (starts < 0).any() or (lengths < 1).any() or (starts > height * width - lengths).any():
        raise ValueError(
            f'EncodedPixels leave the image of {height} x {width} pixels, or a run is empty'
        )
    pixels = np.zeros(height * width, bool)
    for start, length in zip(starts, lengths, strict=True):
        pixels[start : start + length] = True
    return pixels.reshape(width, height).T
