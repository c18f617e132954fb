"""DsPCBSD+: surface defects of printed circuit boards."""

from pathlib import Path

from mmvrec.datasets.formats.yolo import YoloDefects
from mmvrec.datasets.formats.yolo_names import YoloNames
from mmvrec.registry import DATASETS

#: Abbreviations of the classes, by their numbers in the annotations.
_CLASSES = ('SH', 'SP', 'SC', 'OP', 'MB', 'HB', 'CS', 'CFO', 'BMFO')


@DATASETS.register_module()
class DsPCBSD(YoloDefects):
    """DsPCBSD+: printed circuit boards, boxes of nine classes, in its YOLO files.

    Lv et al., "A dataset for deep learning based detection of printed circuit board surface
    defect", Scientific Data 11:811, 2024; figshare 24970329. The classes: short (SH), spur (SP),
    spurious copper (SC), open (OP), mouse bite (MB), hole breakout (HB), conductor scratch (CS),
    conductor foreign object (CFO) and base material foreign object (BMFO).

    Args:
        data_root (str): folder of the YOLO files. Defaults to ``data/ds_pcbsd/Data_YOLO/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder or the text files are missing.
        ValueError: bad annotations.
    """

    NAME = 'ds_pcbsd'
    DATA_ROOT = 'data/ds_pcbsd/Data_YOLO/'
    TASK_CLASSES = {'ds_pcbsd': list(_CLASSES)}
    LICENCE = 'cc-by-4.0'
    LAYOUT = (
        'DsPCBSD+ (https://doi.org/10.6084/m9.figshare.24970329) looks like this:\n'
        '  data_root/images/train/0000001.jpg (also val/)\n'
        '  data_root/labels/train/0000001.txt'
    )

    def class_names(self) -> YoloNames:
        """Name the classes, which the files do not."""
        return YoloNames(dict(enumerate(_CLASSES)), Path(self.data_root), 0, [])
