"""NEU-DET: defects of hot-rolled steel strip."""

from pathlib import Path

from mmvrec.datasets.formats.voc import VOCDefects, XmlFolder
from mmvrec.registry import DATASETS


@DATASETS.register_module()
class NEUDET(VOCDefects):
    """NEU-DET: surface defects of hot-rolled steel strip, 200 x 200 pixels, six classes.

    Song and Yan, Applied Surface Science 285, 2013; He et al., IEEE TIM 69(4), 2020. Two layouts
    are known, see ``LAYOUT``; instance ids and order are the same in both.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/neu_det/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: neither layout is present.
        ValueError: bad annotations.
    """

    NAME = 'neu_det'
    DATA_ROOT = 'data/neu_det/'
    LICENCE = 'none stated: ask the authors'
    TASK_CLASSES = {
        'neu_det': [
            'crazing',
            'inclusion',
            'patches',
            'pitted_surface',
            'rolled-in_scale',
            'scratches',
        ]
    }
    LAYOUT = (
        'NEU-DET looks like this:\n'
        '  data_root/IMAGES/crazing_1.jpg, data_root/ANNOTATIONS/crazing_1.xml\n'
        '  (also Validation_Images, Validation_Annotations)\n'
        'or like this:\n'
        '  data_root/train/images/crazing/crazing_1.jpg\n'
        '  data_root/train/annotations/crazing_1.xml (also validation/)'
    )

    def xml_folders(self) -> list[XmlFolder]:
        """List both halves of either layout."""
        pairs = (
            ('ANNOTATIONS', 'IMAGES'),
            ('Validation_Annotations', 'Validation_Images'),
            ('train/annotations', 'train/images'),
            ('validation/annotations', 'validation/images'),
        )
        root = Path(self.data_root)
        present = [pair for pair in pairs if (root / pair[0]).is_dir()]
        if not present:
            raise FileNotFoundError(f'NEUDET: no annotations in {self.data_root!r}\n{self.LAYOUT}')
        if not self.annotations_only:
            for _, images in present:
                self.folder(images)
        return [XmlFolder(root / annotations, root / images) for annotations, images in present]
