"""VisA: twelve products, with a grey value for every class of anomaly."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mmvrec.datasets.class_masks import ProductMasks
from mmvrec.datasets.formats.csv_rows import check_filled, read_rows
from mmvrec.datasets.mask_instances import read_mask
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.paths import inside

_COLUMNS = ('image', 'label', 'mask')
_ANNOTATIONS = 'image_anno.csv'
_NORMAL = 'normal'


@DATASETS.register_module()
class VisA(ProductMasks):
    """VisA: every product is a task; ``image_anno.csv`` tells the classes of an image.

    Zou et al., "SPot-the-Difference Self-Supervised Pre-training for Anomaly Detection and
    Segmentation", ECCV 2022, arXiv:2207.14315; github.com/amazon-science/spot-diff. An image of one
    class has it for all its pixels. The masks of images of several classes (``melt,scratch``) have
    a grey value for each; which is which is taken from the images of that product that have one
    class alone. Where those do not tell it, the image is left out, which is a problem that is not
    fatal.

    Args:
        data_root (str): folder of the products. Defaults to ``data/visa/``.
        **kwargs: see :class:`ProductMasks`.

    Raises:
        FileNotFoundError: there is no product, or one that ``categories`` names is missing.
        ValueError: bad arguments or annotations.
    """

    NAME = 'visa'
    MARKER = _ANNOTATIONS
    DATA_ROOT = 'data/visa/'
    LICENCE = 'cc-by-4.0'
    LAYOUT = (
        'VisA (https://github.com/amazon-science/spot-diff) looks like this:\n'
        f'  data_root/candle/{_ANNOTATIONS} with image,label,mask\n'
        '  data_root/candle/Data/Images/Anomaly/000.JPG\n'
        '  data_root/candle/Data/Masks/Anomaly/000.png'
    )

    def read_product(self, folder: Path) -> Iterator[InstanceRecord]:
        """Read the images of a product that are not normal, in the order of the file."""
        path = folder / _ANNOTATIONS
        rows = []
        for line, row in enumerate(read_annotations(path), start=2):
            labels = [name.strip() for name in (row['label'] or '').split(',')]
            if labels == [_NORMAL]:
                continue
            try:
                check_filled(row, _COLUMNS)
                image, mask = (
                    Path(inside(self.data_root, row[key], self.data_root))
                    for key in ('image', 'mask')
                )
                rows.append((row['image'], labels, image, mask, values_of(mask)))
            except (ValueError, OSError) as error:
                self.report(path, row['image'] or '', f'row {line}: {error}')
        classes = value_classes((labels, values) for _, labels, _, _, values in rows)
        for name, labels, image, mask, values in rows:
            known = {value: classes.get(value) for value in values}
            if len(labels) == 1:
                known = dict.fromkeys(values, labels[0])
            elif set(known.values()) != set(labels):
                message = (
                    f'not used: it has the classes {labels}, and which grey values {values} of its '
                    'mask they are, no image of one class tells'
                )
                self.report(mask, name, message, fatal=False)
                continue
            yield from self.class_records([mask], image, name, known)


def read_annotations(path: Path) -> list[dict]:
    """Read the rows of a product's file; ``ValueError`` where it is not as published."""
    try:
        return read_rows(path, _COLUMNS)
    except (csv.Error, ValueError) as error:
        raise ValueError(f'{path} is not a usable CSV file: {error}') from error


def values_of(mask: Path) -> list[int]:
    """List the grey values of a mask other than 0, ascending."""
    return [int(value) for value in np.unique(read_mask(mask)) if value]


def value_classes(images: Iterable[tuple[list[str], list[int]]]) -> dict[int, str]:
    """Learn which class a grey value is, from images of one class and one value.

    Args:
        images (Iterable): classes and grey values of every image of a product.

    Returns:
        dict[int, str]: classes by grey value; values of several classes are left out.
    """
    found = defaultdict(set)
    for labels, values in images:
        if len(labels) == len(values) == 1:
            found[values[0]].add(labels[0])
    return {value: min(names) for value, names in found.items() if len(names) == 1}
