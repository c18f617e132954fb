"""DeepPCB: binarised scans of printed circuit boards."""

import re
from collections.abc import Iterator
from pathlib import Path

from mmvrec.datasets.base import DefectDataset
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.files import read_bytes
from mmvrec.utils.paths import glob_files

#: Names of the types 1 to 6.
_TYPES = ('open', 'short', 'mousebite', 'spur', 'copper', 'pin-hole')


@DATASETS.register_module()
class DeepPCB(DefectDataset):
    """DeepPCB: 640 x 640 tested images with boxes, six classes.

    Tang et al., "Online PCB Defect Detector On A New PCB Defect Dataset", arXiv:1902.06197. A line
    of an annotation file is ``x1 y1 x2 y2 type``, separated by spaces in the published files and by
    commas in their description; both are read. Templates (``*_temp.jpg``) are not used.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/pcb/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder ``PCBData`` is missing.
        ValueError: bad annotations.
    """

    NAME = 'deep_pcb'
    DATA_ROOT = 'data/pcb/'
    LICENCE = 'mit, and for research purposes only by its README'
    TASK_CLASSES = {'deep_pcb': list(_TYPES)}
    LAYOUT = (
        'DeepPCB (https://github.com/tangsanli5201/DeepPCB) looks like this:\n'
        '  data_root/PCBData/group00041/00041/00041000_test.jpg\n'
        '  data_root/PCBData/group00041/00041_not/00041000.txt'
    )

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the annotation files, ordered by path."""
        for path in glob_files(self.folder('PCBData'), 'group*/*_not/*.txt'):
            yield from self.read_txt(path)

    def read_txt(self, path: Path) -> Iterator[InstanceRecord]:
        """Read the annotation file of one image."""
        folder = path.parent.with_name(path.parent.name.removesuffix('_not'))
        try:
            lines = read_bytes(path).decode('utf-8-sig').splitlines()
        except (ValueError, OSError) as error:
            self.report(path, path.stem, f'not a text file: {error}')
            return
        for index, line in enumerate(line for line in lines if line.strip()):
            instance = f'{path.stem}#{index}'
            try:
                bbox, label_name = parse_line(line)
            except ValueError as error:
                self.report(path, instance, f'line {line!r}: {error}')
                continue
            yield {
                'img_path': str(folder / f'{path.stem}_test.jpg'),
                'img_id': path.stem,
                'instance_id': instance,
                'task': self.NAME,
                'label_name': label_name,
                'bbox': bbox,
                'mask': None,
                'img_shape': None,
                'ann_file': str(path),
            }


def parse_line(line: str) -> tuple[list[float], str]:
    """Parse ``x1 y1 x2 y2 type``, pixels, as box and class; ``ValueError`` if it cannot be."""
    parts = re.split(r'[,\s]+', line.strip())
    if len(parts) != 5:
        raise ValueError(f'expected 5 numbers "x1 y1 x2 y2 type", got {len(parts)}')
    try:
        *bbox, kind = [float(part) for part in parts]
    except ValueError as error:
        raise ValueError(f'expected numbers "x1 y1 x2 y2 type": {error}') from error
    if kind not in range(1, len(_TYPES) + 1):
        names = ', '.join(f'{i} {name}' for i, name in enumerate(_TYPES, start=1))
        raise ValueError(f'unknown type {parts[-1]}; the types are {names}')
    return bbox, _TYPES[int(kind) - 1]
