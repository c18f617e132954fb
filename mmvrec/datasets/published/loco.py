"""MVTec LOCO AD and AutoVI: a folder of masks for every image, a grey value for every defect."""

from collections.abc import Iterator
from pathlib import Path

from mmvrec.datasets.class_masks import ProductMasks
from mmvrec.datasets.formats.label_folders import subfolders
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.files import read_json
from mmvrec.utils.paths import IMAGE_SUFFIXES, files_by_stem, walk_files

_CONFIG = 'defects_config.json'


@DATASETS.register_module()
class MVTecLOCO(ProductMasks):
    """MVTec LOCO AD: every product is a task, every entry of its ``defects_config.json`` a class.

    Bergmann et al., "Beyond Dents and Scratches: Logical Constraints in Unsupervised Anomaly
    Detection and Localization", IJCV 130, 2022. An image has a folder of masks; the grey value of
    a mask is the ``pixel_value`` of its defect. A class is the ``defect_name`` of that value.

    Args:
        data_root (str): folder of the products. Defaults to ``data/mvtec_loco/``.
        **kwargs: see :class:`ProductMasks`.

    Raises:
        FileNotFoundError: there is no product, or one that ``categories`` names is missing.
        ValueError: bad arguments or annotations.
    """

    NAME = 'mvtec_loco'
    MARKER = _CONFIG
    DATA_ROOT = 'data/mvtec_loco/'
    LICENCE = 'cc-by-nc-sa-4.0'
    LAYOUT = (
        'MVTec LOCO AD (https://www.mvtec.com/company/research/datasets/mvtec-loco) and AutoVI '
        '(https://zenodo.org/records/10459003) look like this:\n'
        '  data_root/juice_bottle/test/logical_anomalies/000.png\n'
        '  data_root/juice_bottle/ground_truth/logical_anomalies/000/000.png\n'
        f'  data_root/juice_bottle/{_CONFIG}'
    )

    def read_product(self, folder: Path) -> Iterator[InstanceRecord]:
        """Read the masks of one product, by folder, image and file name."""
        classes = read_defects(folder / _CONFIG)
        for masks in subfolders(folder / 'ground_truth'):
            yield from self.read_folder(folder.name, masks, classes)

    def read_folder(
        self, product: str, masks: Path, classes: dict[int, str]
    ) -> Iterator[InstanceRecord]:
        """Read the images of a folder ``ground_truth/KIND``, which have a folder of masks each."""
        pictures = files_by_stem(masks.parents[1] / 'test' / masks.name)
        for folder in subfolders(masks):
            img_id = f'{product}/{masks.name}/{folder.name}'
            images = pictures.pop(folder.name, [])
            if len(images) != 1:
                place = masks.parents[1] / 'test' / masks.name / folder.name
                self.report(folder, img_id, f'it needs one image {place}.*, found {len(images)}')
                continue
            paths = walk_files(folder, IMAGE_SUFFIXES)
            if not paths:
                self.report(folder, img_id, 'it has no mask', fatal=False)
            yield from self.class_records(paths, images[0], img_id, classes)
        for stem, images in pictures.items():
            self.report(images[0], '', f'not used: no folder {masks / stem} of its masks', False)


def read_defects(path: Path) -> dict[int, str]:
    """Read the names of the defects of a product by grey value.

    Raises:
        ValueError: the file is not as MVTec publishes it.
    """
    content = read_json(path)
    try:
        return {int(entry['pixel_value']): str(entry['defect_name']) for entry in content}
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f'{path} is no list of defects, each with defect_name and pixel_value: {error!r}'
        ) from error


@DATASETS.register_module()
class AutoVI(MVTecLOCO):
    """AutoVI: six assemblies of a car factory, in the layout of MVTec LOCO AD.

    Carvalho et al., "The Automotive Visual Inspection dataset (AutoVI)", Zenodo 10459003, 2024:
    Renault Group and Universite de technologie de Compiegne.

    Args:
        data_root (str): folder of the products. Defaults to ``data/autovi/``.
        **kwargs: see :class:`MVTecLOCO`.
    """

    NAME = 'autovi'
    DATA_ROOT = 'data/autovi/'
