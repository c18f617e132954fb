"""GC10-DET: defects of steel sheet."""

from collections.abc import Iterator
from pathlib import Path

from mmvrec.datasets.formats.voc import VOCDefects, XmlFolder
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord

#: Classes by the number that the names in the annotations begin with (``8_yahen``). Spellings
#: behind it vary: ``10_yaozhe``, ``10_yaozhed``.
_CLASSES = {
    '1': 'punching_hole',
    '2': 'welding_line',
    '3': 'crescent_gap',
    '4': 'water_spot',
    '5': 'oil_spot',
    '6': 'silk_spot',
    '7': 'inclusion',
    '8': 'rolled_pit',
    '9': 'crease',
    '10': 'waist_folding',
}


@DATASETS.register_module()
class GC10DET(VOCDefects):
    """GC10-DET: surfaces of steel sheet, 2048 x 1000 pixels, boxes of ten classes.

    Lv et al., "Deep Metallic Surface Defect Detection: The New Benchmark and Detection Network",
    Sensors 20(6), 2020. Images lie in folders 1 to 10, XML files in ``lable``. The class of a box
    is that of its ``<name>``, not of its folder.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/gc10_det/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: there is no folder of annotations.
        ValueError: bad annotations.
    """

    NAME = 'gc10_det'
    DATA_ROOT = 'data/gc10_det/'
    TASK_CLASSES = {'gc10_det': list(_CLASSES.values())}
    LICENCE = 'none stated: ask the authors'
    LAYOUT = (
        'GC10-DET (https://github.com/lvxiaoming2019/GC10-DET-Metallic-Surface-Defect-Datasets) '
        'looks like this:\n'
        '  data_root/lable/img_01_425001000_00057.xml (also label/)\n'
        '  data_root/3/img_01_425001000_00057.jpg'
    )

    def xml_folders(self) -> list[XmlFolder]:
        """List the folder of the annotations, with the images anywhere in ``data_root``."""
        for name in ('lable', 'label'):
            if Path(self.data_root, name).is_dir():
                return [XmlFolder(Path(self.data_root, name), Path(self.data_root))]
        raise FileNotFoundError(
            f'GC10DET: no folder lable or label in {self.data_root!r}\n{self.LAYOUT}'
        )

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the XML files, and name the classes."""
        for record in super().load_instances():
            number = record['label_name'].partition('_')[0]
            if number in _CLASSES:
                yield {**record, 'label_name': _CLASSES[number]}
                continue
            self.report(
                record['ann_file'],
                record['instance_id'],
                f'not used: {record["label_name"]!r} is no class of GC10-DET; they begin with a '
                'number, as 8_yahen',
                # The published files have a few of these.
                fatal=False,
            )
