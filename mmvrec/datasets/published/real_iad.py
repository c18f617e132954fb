"""Real-IAD: 30 products, seen from five sides."""

from collections.abc import Iterator
from pathlib import Path

from mmvrec.datasets.class_masks import ProductMasks
from mmvrec.datasets.formats.label_folders import subfolders
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.paths import files_by_stem

_ENDING = '_mask'
#: What the names of the folders stand for.
_TYPES = {
    'AK': 'pit',
    'BX': 'deformation',
    'CH': 'abrasion',
    'HS': 'scratch',
    'PS': 'damage',
    'QS': 'missing_parts',
    'YW': 'foreign_objects',
    'ZW': 'contamination',
}


@DATASETS.register_module()
class RealIAD(ProductMasks):
    """Real-IAD: every product is a task; the folder of a defect tells its class.

    Wang et al., "Real-IAD: A Real-World Multi-View Dataset for Benchmarking Versatile Industrial
    Anomaly Detection", CVPR 2024, arXiv:2403.12580. A mask lies beside its image. The five views of
    one part are in one folder and stay together in a split (``split_by='part'``). An image without
    mask shows its part from a side where the defect cannot be seen, and is not used.

    Args:
        data_root (str): folder of the products. Defaults to ``data/real_iad/realiad_1024/``.
        **kwargs: see :class:`ProductMasks`.

    Raises:
        FileNotFoundError: there is no product, or one that ``categories`` names is missing.
        ValueError: bad arguments or annotations.
    """

    NAME = 'real_iad'
    MARKER = 'NG'
    DATA_ROOT = 'data/real_iad/realiad_1024/'
    LICENCE = 'cc-by-nc-sa-4.0'
    SPLIT_GROUPS = ('part', 'source', 'image', 'instance')
    LAYOUT = (
        'Real-IAD (https://realiad4ad.github.io/Real-IAD/) looks like this:\n'
        '  data_root/audiojack/NG/BX/S0001/audiojack_0001_NG_BX_C1_20231023.jpg\n'
        '  data_root/audiojack/NG/BX/S0001/audiojack_0001_NG_BX_C1_20231023_mask.png'
    )

    def read_product(self, folder: Path) -> Iterator[InstanceRecord]:
        """Read the masks of one product, by type of defect and file name."""
        for defects in subfolders(folder / self.MARKER):
            yield from self.read_type(folder.name, defects)

    def read_type(self, product: str, folder: Path) -> Iterator[InstanceRecord]:
        """Read the masks of one type of defects."""
        label_name = _TYPES.get(folder.name, folder.name)
        files = files_by_stem(folder)
        for stem in [stem for stem in files if stem.endswith(_ENDING)]:
            image = files.get(stem.removesuffix(_ENDING))
            if image is None:
                message = f'it has no image {stem.removesuffix(_ENDING)}.*'
                self.report(files[stem][0], '', message)
                continue
            img_id = f'{product}/{folder.name}/{stem.removesuffix(_ENDING)}'
            yield from self.mask_records(files[stem], image[0], img_id, label_name)

    def split_group(self, record: InstanceRecord) -> str:
        """Get the folder of the part under ``split_by='part'``."""
        if self.split_by != 'part':
            return super().split_group(record)
        return record['img_id'].rpartition('/')[0]
