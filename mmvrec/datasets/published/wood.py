"""Wood surface defects of Kodytek et al."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mmvrec.datasets.base import DefectDataset
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.files import read_bytes
from mmvrec.utils.images import image_shape
from mmvrec.utils.paths import walk_files

_ENDING = '_anno'
#: Classes in small letters; the files spell them in both cases.
_CLASSES = (
    'live_knot', 'dead_knot', 'knot_missing', 'knot_with_crack', 'crack', 'resin', 'marrow',
    'quartzity', 'blue_stain', 'overgrown',
)  # fmt: skip


@DATASETS.register_module()
class WoodDefects(DefectDataset):
    """Surfaces of sawn timber, 2800 x 1024 pixels, with boxes of ten classes.

    Kodytek, Bodzas and Bilik, "A large-scale image dataset of wood surface defects for automated
    vision-based quality control processes", F1000Research 10:581, 2021; Zenodo 4694695. A line of
    ``ID_anno.txt`` is class, left, top, right and bottom, shares of the image separated by tabs,
    with decimal points or commas. Semantic maps are not read: the box is the region. The image
    files are looked at, for their size, under ``annotations_only`` too.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/wood/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: there is no annotation file.
        ValueError: bad annotations.
    """

    NAME = 'wood_defects'
    DATA_ROOT = 'data/wood/'
    TASK_CLASSES = {'wood_defects': list(_CLASSES)}
    LICENCE = 'cc-by-4.0'
    LAYOUT = (
        'The wood dataset (https://zenodo.org/records/4694695) looks like this:\n'
        '  data_root/Images1/100000000.bmp (also Images2 to Images10)\n'
        '  data_root/Bouding Boxes/100000000_anno.txt'
    )

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the annotation files, ordered by path."""
        images = defaultdict(list)
        for path in walk_files(self.data_root, ['.bmp', '.png', '.jpg']):
            images[path.stem].append(path)
        files = [p for p in walk_files(self.data_root, ['.txt']) if p.stem.endswith(_ENDING)]
        if not files:
            raise FileNotFoundError(
                f'WoodDefects: no file *{_ENDING}.txt in {self.data_root!r}\n{self.LAYOUT}'
            )
        for path in files:
            img_id = path.stem.removesuffix(_ENDING)
            found = images.get(img_id, [])
            if len(found) == 1:
                yield from self.read_file(path, found[0], img_id)
            else:
                message = f'it needs one image {img_id}.bmp, found {list(map(str, found))}'
                self.report(path, img_id, message)

    def read_file(self, path: Path, image: Path, img_id: str) -> Iterator[InstanceRecord]:
        """Read the boxes of one image; a file without lines is that of clear wood."""
        try:
            height, width = image_shape(image)
            lines = read_bytes(path).decode('utf-8-sig').splitlines()
        except (ValueError, OSError) as error:
            self.report(path, img_id, str(error))
            return
        for index, line in enumerate(line for line in lines if line.strip()):
            instance = f'{img_id}#{index}'
            try:
                label_name, shares = parse_line(line)
            except ValueError as error:
                self.report(path, instance, f'line {line!r}: {error}')
                continue
            yield {
                'img_path': os.fspath(image),
                'img_id': img_id,
                'instance_id': instance,
                'task': self.NAME,
                'label_name': label_name,
                'bbox': [s * side for s, side in zip(shares, (width, height) * 2, strict=True)],
                'mask': None,
                'img_shape': (height, width),
                'ann_file': os.fspath(path),
            }


def parse_line(line: str) -> tuple[str, list[float]]:
    """Parse class and corners, shares of the image; ``ValueError`` if it cannot be."""
    name, *fields = re.split(r'\s+', line.strip())
    if len(fields) != 4:
        raise ValueError(f'expected a class and 4 numbers, got {len(fields)} numbers')
    shares = [float(field.replace(',', '.')) for field in fields]
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError('the numbers must be shares of the image, 0 to 1')
    if name.lower() not in _CLASSES:
        raise ValueError(f'unknown class {name!r}; the classes are {list(_CLASSES)}')
    return name.lower(), shares
