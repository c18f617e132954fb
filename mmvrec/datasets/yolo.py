"""Datasets of the user's own with YOLO annotations: boxes and polygons."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as short

import yaml

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.folders import images_in
from mmvrec.registry import DATASETS
from mmvrec.utils.images import image_shape

#: Share of the image by which coordinates may leave it: exporters round.
_MARGIN = 1e-3


@DATASETS.register_module()
class YoloDefects(DefectDataset):
    """Lines of YOLO text files: ``class x y width height`` or ``class x1 y1 x2 y2 x3 y3 ...``.

    Coordinates are shares of the image's width and height, so the image files are looked at, for
    their size, under ``annotations_only`` too. The names of the classes are read from ``data.yaml``
    (``names``, a list or a mapping) or ``classes.txt`` (a line each); a class is known by its name
    from then on. An image without text file has no instance, a text file without image is a
    problem.

    Args:
        data_root (str): folder with the names, and with folders ``labels`` beside folders
            ``images`` at any depth. Defaults to ``data/yolo/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder, the names or the text files are missing.
        ValueError: the names cannot be read, or bad annotations.
    """

    NAME = 'yolo'
    LAYOUT = (
        'A YOLO dataset looks like this:\n'
        '  data_root/data.yaml with names (or classes.txt)\n'
        '  data_root/images/part_001.png, data_root/labels/part_001.txt\n'
        '  (or images/train/…, labels/train/…, or train/images/…, train/labels/…)'
    )

    def __init__(self, data_root: str = 'data/yolo/', **kwargs):
        super().__init__(data_root=data_root, **kwargs)

    def load_instances(self) -> Iterator[dict]:
        """Read the text files, ordered by their path."""
        names = read_names(Path(self.data_root), self.LAYOUT)
        root = Path(self.data_root)
        files = sorted(p for p in root.rglob('*.txt') if 'labels' in p.relative_to(root).parts[:-1])
        if not files:
            raise FileNotFoundError(
                f'YoloDefects: no text file in a folder "labels" of {self.data_root!r}\n'
                f'{self.LAYOUT}'
            )
        for path in files:
            yield from self._read_file(path, names)

    def _read_file(self, path: Path, names: dict[int, str]) -> Iterator[dict]:
        try:
            image = _image_of(path, Path(self.data_root))
            height, width = image_shape(image)
            lines = path.read_text(encoding='utf-8-sig').splitlines()
        except (ValueError, OSError) as error:
            self.report(path, '', str(error))
            return
        img_id = Path(os.path.relpath(image, self.data_root)).as_posix()
        for index, line in enumerate(filter(str.strip, lines)):
            instance = f'{img_id}#{index}'
            try:
                label, geometry = _read_line(line, names, height, width)
            except ValueError as error:
                self.report(path, instance, f'{error}: {line.strip():.80}')
                continue
            yield {
                'img_path': str(image),
                'img_id': img_id,
                'instance_id': instance,
                'task': self.NAME,
                'label_name': label,
                'img_shape': (height, width),
                'ann_file': str(path),
                **geometry,
            }


def read_names(root: Path, layout: str = '') -> dict[int, str]:
    """Class names by index, from ``data.yaml`` or ``classes.txt``.

    Args:
        root (Path): folder of the dataset.
        layout (str): what is shown where there is neither. Defaults to nothing.

    Returns:
        dict[int, str]: the names.

    Raises:
        FileNotFoundError: there is neither file.
        ValueError: the file is not as it should be, or a name is empty or repeated.
    """
    listed = root / 'classes.txt'
    found = [path for path in (root / 'data.yaml', root / 'data.yml', listed) if path.is_file()]
    if not found:
        raise FileNotFoundError(f'YoloDefects: no data.yaml or classes.txt in {root}\n{layout}')
    path = found[0]
    try:
        text = path.read_text(encoding='utf-8-sig')
        names = text.split('\n') if path == listed else _yaml_names(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f'{path} cannot be read: {error}') from error
    if path == listed:
        names = [name for name in map(str.strip, names) if name]
    if isinstance(names, list):
        names = dict(enumerate(names))
    wrong = [i for i, n in names.items() if type(i) is not int or not isinstance(n, str) or not n]
    # What YAML makes of references to references can be longer than any memory.
    shown = {i: n if isinstance(n, str) else type(n) for i, n in list(names.items())[:10]}
    if wrong or not names or len(set(names.values())) < len(names):
        raise ValueError(f'{path}: names must be different strings by index, got {shown}')
    return names


def _yaml_names(text: str) -> list | dict:
    content = yaml.safe_load(text)
    names = content.get('names') if isinstance(content, dict) else None
    if not isinstance(names, list | dict):
        raise ValueError(f'it has no names, got {type(names)}')
    return names


def _image_of(path: Path, root: Path) -> Path:
    """The image of a text file: the same path with ``images`` for ``labels``."""
    parts = list(path.relative_to(root).parts)
    # The last one: a dataset may lie in a folder that is called labels itself.
    place = max(i for i, part in enumerate(parts[:-1]) if part == 'labels')
    parts[place] = 'images'
    stem = root.joinpath(*parts).with_suffix('')
    folder = stem.parent
    found = []
    if folder.is_dir():
        found = [path for path in images_in(folder) if path.stem == stem.name]
    if len(found) != 1:
        raise ValueError(f'it needs one image {stem}.*, found {[p.name for p in found]}')
    return found[0]


def _read_line(line: str, names: dict[int, str], height: int, width: int) -> tuple[str, dict]:
    fields = line.split()
    try:
        index, values = int(fields[0]), [float(field) for field in fields[1:]]
    except ValueError as error:
        raise ValueError('expected a class index and numbers') from error
    if index not in names:
        raise ValueError(f'class {index} has no name; the names are {short(names)}')
    if not all(map(math.isfinite, values)):
        raise ValueError('coordinates must be finite')
    if len(values) == 4:
        x, y, w, h = values
        corners = [(x - w / 2, y - h / 2), (x + w / 2, y + h / 2)]
        if w <= 0 or h <= 0:
            raise ValueError('width and height must be positive')
    elif len(values) >= 6 and len(values) % 2 == 0:
        corners = list(zip(values[::2], values[1::2], strict=True))
    else:
        raise ValueError(
            f'expected 4 numbers of a box, or 6 or more, in pairs, of a polygon, got {len(values)}'
        )
    if min(map(min, corners)) < -_MARGIN or max(map(max, corners)) > 1 + _MARGIN:
        raise ValueError('coordinates must be shares of the image, 0 to 1')
    # Files have six decimals: rounded, whole pixels are whole again.
    points = [
        [round(min(max(x, 0), 1) * width, 2), round(min(max(y, 0), 1) * height, 2)]
        for x, y in corners
    ]
    xs, ys = zip(*points, strict=True)
    mask = {'type': 'polygon', 'points': [points]} if len(values) > 4 else None
    return names[index], {'bbox': [min(xs), min(ys), max(xs), max(ys)], 'mask': mask}
