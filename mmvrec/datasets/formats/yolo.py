"""Datasets of the user's own with YOLO annotations: boxes and polygons."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as short

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.formats.yolo_names import NAME_LISTS, YoloNames, read_names
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.files import read_bytes
from mmvrec.utils.images import image_shape
from mmvrec.utils.paths import files_by_stem, walk_files

#: Text files, in lower case, that are lists of images or tell about the dataset.
_NO_LABELS = ('train.txt', 'val.txt', 'valid.txt', 'validation.txt', 'test.txt')
_ABOUT = ('readme', 'license')
#: What no share of an image comes to; pixels do.
_PIXELS = 2


@DATASETS.register_module()
class YoloDefects(DefectDataset):
    """Lines of YOLO text files: ``class x y width height`` or ``class x1 y1 x2 y2 x3 y3 ...``.

    Coordinates are shares of the image's width and height, so the image files are looked at, for
    their size, under ``annotations_only`` too. Where ``data.yaml`` has ``kpt_shape``, keypoints
    follow the box and are left away. The names of the classes are read by :func:`read_names`; a
    class is known by its name from then on. An image without text file has no instance, a text file
    without image is a problem.

    Args:
        data_root (str): folder with the names, and at any depth with text files in folders
            ``labels`` beside folders ``images``, or beside their images. Defaults to
            ``data/yolo/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder, the names or the text files are missing.
        ValueError: the names cannot be read, or bad annotations.
    """

    NAME = 'yolo'
    DATA_ROOT = 'data/yolo/'
    LAYOUT = (
        'A YOLO dataset looks like this:\n'
        '  data_root/data.yaml with names (or classes.txt, obj.names)\n'
        '  data_root/images/part_001.png, data_root/labels/part_001.txt\n'
        '  (or images/train/…, labels/train/…, or train/images/…, train/labels/…,\n'
        '  or part_001.txt beside part_001.png)'
    )

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the text files, ordered by their path."""
        names = self.class_names()
        for path in names.others:
            # A data.yaml is for all labels. Of two lists it is not known which labels each is for.
            message = f'not used: its names are not those of {names.path}'
            self.report(path, '', message, fatal=names.path.name in NAME_LISTS)
        files = self.pair_files()
        if not files:
            raise FileNotFoundError(
                f'{type(self).__name__}: no text file in a folder "labels" of {self.data_root!r}, '
                f'nor beside an image\n{self.LAYOUT}'
            )
        for path, image in files.items():
            yield from self._read_file(path, image, names)

    def class_names(self) -> YoloNames:
        """Read the names of the classes, see :func:`read_names`."""
        return read_names(Path(self.data_root), self.LAYOUT)

    def pair_files(self) -> dict[Path, Path]:
        """Find the image of every text file that has one; the others are reported."""
        files, used = {}, {}
        pictures = files_by_stem(self.data_root)
        for path in walk_files(self.data_root, ['.txt']):
            if path.name in NAME_LISTS:
                continue
            images = images_of_labels(path.relative_to(self.data_root), pictures)
            if len(images) != 1:
                self.report_unpaired(path, images)
            elif images[0] in used:
                message = f'{used[images[0]]} is of the same image {images[0]}; keep one of them'
                self.report(path, '', message)
            else:
                files[path], used[images[0]] = images[0], path
        return files

    def report_unpaired(self, path: Path, images: list[Path]) -> None:
        """Report a text file of no image or of several, unless it is no file of labels."""
        name = path.name.lower()
        if 'labels' not in path.relative_to(self.data_root).parts[:-1] and not images:
            if name in _NO_LABELS or name.startswith(_ABOUT):
                return
            try:
                # Labels begin with a class and four numbers.
                fields = next(iter(_read_lines(path)), '').split()
                if len(fields) < 5 or any(field[0] not in '-.0123456789' for field in fields):
                    self.report(path, '', 'not used: no image of its name, no labels', fatal=False)
                    return
            except (ValueError, OSError) as error:
                self.report(path, '', str(error))
                return
        self.report(
            path,
            '',
            f'it needs one image of its name, in a folder "images" for "labels" or beside it, '
            f'found {list(map(str, images))}',
        )

    def _read_file(self, path: Path, image: Path, names: YoloNames) -> Iterator[InstanceRecord]:
        try:
            height, width = image_shape(image)
            lines = _read_lines(path)
        except (ValueError, OSError) as error:
            self.report(path, '', str(error))
            return
        img_id = Path(os.path.relpath(image, self.data_root)).as_posix()
        for index, line in enumerate(lines):
            instance = f'{img_id}#{index}'
            try:
                label, geometry = read_line(line, names, height, width)
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


def images_of_labels(path: Path, pictures: dict[str, list[Path]]) -> list[Path]:
    """Find the images of the path of a text file: beside it, or with ``images`` for ``labels``."""
    parts = list(path.with_suffix('').parts)
    stems = ['/'.join(parts)]
    # The last one: a dataset may lie in a folder that is called labels itself.
    for place in [i for i, part in enumerate(parts[:-1]) if part == 'labels'][-1:]:
        parts[place] = 'images'
        stems.append('/'.join(parts))
    return [image for stem in stems for image in pictures.get(stem, ())]


def _read_lines(path: Path) -> list[str]:
    return list(filter(str.strip, read_bytes(path).decode('utf-8-sig').splitlines()))


def read_line(line: str, names: YoloNames, height: int, width: int) -> tuple[str, dict]:
    """Read a line as class, and ``bbox`` and ``mask`` of a record.

    Args:
        line (str): not empty.
        names (YoloNames): of the classes.
        height (int): of the image, pixels.
        width (int): of the image, pixels.

    Raises:
        ValueError: it is no box or polygon of a class, in shares of the image.
    """
    label, values = read_fields(line, names)
    if names.keypoints and len(values) in (4, 4 + names.keypoints):
        values = values[:4]
    elif names.keypoints:
        raise ValueError(
            f'expected 4 numbers of a box, and {names.keypoints} of its keypoints (kpt_shape in '
            f'{names.path.name}), got {len(values)}'
        )
    corners = read_corners(values)
    if max(abs(value) for corner in corners for value in corner) > _PIXELS:
        raise ValueError('coordinates must be shares of the image, 0 to 1')
    # Files have six decimals: rounded, whole pixels are whole again.
    points = [[round(x * width, 2), round(y * height, 2)] for x, y in corners]
    xs, ys = zip(*points, strict=True)
    mask = {'type': 'polygon', 'points': [points]} if len(values) > 4 else None
    return label, {'bbox': [min(xs), min(ys), max(xs), max(ys)], 'mask': mask}


def read_fields(line: str, names: YoloNames) -> tuple[str, list[float]]:
    """Split a line into the name of its class and finite numbers; else ``ValueError``."""
    fields = line.split()
    try:
        index, *values = map(float, fields)
    except ValueError as error:
        hint = '; separate them by blanks, and write decimal points' if ',' in line else ''
        raise ValueError(f'expected a class index and numbers{hint}') from error
    # Programs that hold all of a line in one array of floats write a class as 0.0.
    if not index.is_integer():
        raise ValueError('expected a class index and numbers; the class is no whole number')
    if int(index) not in names.by_index:
        raise ValueError(f'class {fields[0]} has no name; the names are {short(names.by_index)}')
    if not all(map(math.isfinite, values)):
        raise ValueError('coordinates must be finite')
    return names.by_index[int(index)], values


def read_corners(values: list[float]) -> list[tuple[float, float]]:
    """Make two corners of a box, or the corners of a polygon, in shares of the image."""
    if len(values) == 4:
        x, y, w, h = values
        if w <= 0 or h <= 0:
            raise ValueError('width and height must be positive')
        return [(x - w / 2, y - h / 2), (x + w / 2, y + h / 2)]
    if len(values) >= 6 and len(values) % 2 == 0:
        return list(zip(values[::2], values[1::2], strict=True))
    hint = ' (5 are a box and the confidence of a detector)' if len(values) == 5 else ''
    raise ValueError(
        'expected 4 numbers of a box, or 6 or more, in pairs, of a polygon, got '
        f'{len(values)}{hint}; keypoints need kpt_shape in data.yaml'
    )
