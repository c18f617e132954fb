"""AITEX: defects of woven fabrics."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmvrec.datasets.base import name_list
from mmvrec.datasets.mask_instances import MaskImageDefects
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.paths import glob_files

#: Class of a defect code, the second number of a file's name.
_CODES = {
    '002': 'broken_end',
    '006': 'broken_yarn',
    '010': 'broken_pick',
    '016': 'weft_curling',
    '019': 'fuzzyball',
    '022': 'cut_selvage',
    '023': 'crease',
    '025': 'warp_ball',
    '027': 'knots',
    '029': 'contamination',
    '030': 'nep',
    '036': 'weft_crack',
}


@DATASETS.register_module()
class AITEX(MaskImageDefects):
    """AITEX fabric images, 4096 x 256 pixels, with one mask image or a few per picture.

    Silvestre-Blanes et al., "A Public Fabric Database for Defect Detection Methods and Results",
    Autex Research Journal 19(4), 2019. Several published pictures lack a mask; they are problems
    that are not fatal.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/aitex/``.
        classes (Sequence[str], optional): the classes to load, in label order. Defaults to None:
            all that are found, sorted.
        **kwargs: see :class:`MaskImageDefects` and :class:`DefectDataset`.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: an unknown class, other bad arguments, or bad annotations.
    """

    NAME = 'aitex'
    DATA_ROOT = 'data/aitex/'
    LICENCE = 'none stated: ask AITEX'
    LAYOUT = (
        'AITEX (https://www.aitex.es/afid/) looks like this:\n'
        '  data_root/Defect_images/0001_002_00.png (number, defect code, fabric)\n'
        '  data_root/Mask_images/0001_002_00_mask.png'
    )

    def __init__(
        self, data_root: str | None = None, classes: Sequence[str] | None = None, **kwargs
    ):
        if classes is not None:
            classes = name_list('classes', classes)
            unknown = [name for name in classes if name not in _CODES.values()]
            if unknown or not classes or len(set(classes)) < len(classes):
                raise ValueError(
                    f'AITEX: classes must be different names out of {list(_CODES.values())}, '
                    f'got {classes}'
                )
            self.TASK_CLASSES = {self.NAME: classes}
        super().__init__(data_root=data_root, **kwargs)

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the masks, ordered by the picture's name."""
        masks = self.folder('Mask_images')
        pictures = self.picture_stems(masks)
        for stem in pictures:
            image = Path(self.data_root, 'Defect_images', f'{stem}.png')
            match = re.fullmatch(r'\d+_(\d{3})_\d+', stem)
            if match is None or match[1] not in _CODES:
                codes = ', '.join(f'{code} {name}' for code, name in _CODES.items())
                self.report(image, stem, f'the name does not tell a defect code; they are {codes}')
                continue
            name = _CODES[match[1]]
            if self.TASK_CLASSES is not None and name not in self.TASK_CLASSES[self.NAME]:
                continue
            paths = glob_files(masks, f'{stem}_mask*.png')
            if paths:
                yield from self.mask_records(paths, image, stem, name)
            else:
                self.report(image, stem, 'it has no mask in Mask_images: not used', fatal=False)

    def picture_stems(self, masks: Path) -> list[str]:
        """Find the stems of the pictures, and report files in the folder of masks without one."""
        marked = {path.name.split('_mask')[0] for path in glob_files(masks, '*_mask*.png')}
        if self.annotations_only:
            return sorted(marked)
        pictures = {path.stem for path in glob_files(self.folder('Defect_images'), '*.png')}
        for stem in sorted(marked - pictures):
            self.report(masks, stem, 'a mask without a picture: not used', fatal=False)
        return sorted(pictures)
