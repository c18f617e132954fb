"""HRIPCB: photographs of bare circuit boards."""

from pathlib import Path

from mmvrec.datasets.formats.voc import VOCDefects, XmlFolder
from mmvrec.registry import DATASETS


@DATASETS.register_module()
class HRIPCB(VOCDefects):
    """HRIPCB (PKU PCB defects): photographs of bare circuit boards, six classes.

    Huang et al., "HRIPCB: a challenging dataset for PCB defects detection and classification",
    Journal of Engineering, 2020.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/pcb/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: bad annotations.
    """

    NAME = 'hripcb'
    DATA_ROOT = 'data/pcb/'
    LICENCE = 'none stated: ask the authors'
    TASK_CLASSES = {
        'hripcb': [
            'missing_hole',
            'mouse_bite',
            'open_circuit',
            'short',
            'spur',
            'spurious_copper',
        ]
    }
    LAYOUT = (
        'HRIPCB looks like this:\n'
        '  data_root/Annotations/Missing_hole/01_missing_hole_01.xml\n'
        '  data_root/images/Missing_hole/01_missing_hole_01.jpg'
    )

    def xml_folders(self) -> list[XmlFolder]:
        """List both folders, which have a folder for each class."""
        annotations = self.folder('Annotations')
        if not self.annotations_only:
            self.folder('images')
        return [XmlFolder(annotations, Path(self.data_root, 'images'))]
