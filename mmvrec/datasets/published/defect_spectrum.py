"""Defect Spectrum: MVTec AD and others, annotated anew with a class for every pixel."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmvrec.datasets.class_masks import ProductMasks
from mmvrec.datasets.formats.label_folders import pair_problem, subfolders
from mmvrec.datasets.mask_instances import read_mask
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.paths import files_by_stem

_GOOD = 'good'


@DATASETS.register_module()
class DefectSpectrum(ProductMasks):
    """Defect Spectrum, one of its parts (``DS-MVTec`` …): every product is a task.

    Yang et al., "Defect Spectrum: A Granular Look of Large-scale Defect Datasets with Rich
    Semantics", ECCV 2024, arXiv:2310.17316; folders as in the files of
    huggingface.co/datasets/DefectSpectrum/Defect_Spectrum. The grey values of ``mask`` are classes,
    whose names its files do not tell: ``names`` does. Without it the value of the folder's own
    class is not known either, so that a class is called by folder, or by folder and value where the
    masks of a folder have several values (``combined_2``). ``rgb_mask`` and ``good`` are not read.

    Args:
        data_root (str): folder of the products. Defaults to ``data/defect_spectrum/DS-MVTec/``.
        categories (Sequence[str], optional): products to load. Defaults to None: all.
        names (Mapping[str, Mapping[int, str]], optional): by product the classes by grey value.
            Defaults to None: see above.
        **kwargs: see :class:`ProductMasks`.

    Raises:
        FileNotFoundError: there is no product, or one that ``categories`` names is missing.
        ValueError: bad arguments or annotations.
    """

    NAME = 'defect_spectrum'
    MARKER = 'mask'
    DATA_ROOT = 'data/defect_spectrum/DS-MVTec/'
    LICENCE = 'mit'
    LAYOUT = (
        'Defect Spectrum (https://huggingface.co/datasets/DefectSpectrum/Defect_Spectrum) looks '
        'like this:\n'
        '  data_root/bottle/image/broken_large/000.png\n'
        '  data_root/bottle/mask/broken_large/000_mask.png'
    )

    def __init__(
        self,
        data_root: str | None = None,
        categories: Sequence[str] | None = None,
        names: Mapping[str, Mapping[int, str]] | None = None,
        **kwargs,
    ):
        # A command line makes texts of the keys.
        self.names = {
            product: {int(value): str(name) for value, name in own.items()}
            for product, own in (names or {}).items()
        }
        super().__init__(data_root=data_root, categories=categories, **kwargs)

    def read_product(self, folder: Path) -> Iterator[InstanceRecord]:
        """Read the masks of one product, by folder and file name."""
        for masks in subfolders(folder / self.MARKER):
            if masks.name != _GOOD:
                yield from self.read_folder(folder.name, masks)

    def read_folder(self, product: str, masks: Path) -> Iterator[InstanceRecord]:
        """Read the masks of a folder ``mask/CLASS``."""
        images = masks.parents[1] / 'image' / masks.name
        pictures = files_by_stem(images)
        files = {s.removesuffix('_mask'): paths for s, paths in files_by_stem(masks).items()}
        classes = self.names.get(product) or folder_classes(masks)
        for stem, paths in files.items():
            message = pair_problem('masks', paths, pictures.get(stem, []), images / stem)
            if message:
                self.report(paths[0], '', message)
                continue
            img_id = f'{product}/{masks.name}/{stem}'
            yield from self.class_records(paths, pictures[stem][0], img_id, classes)
        for stem in sorted(set(pictures) - set(files)):
            self.report(pictures[stem][0], '', f'not used: no mask {masks / stem}_mask.*', False)


def folder_classes(masks: Path) -> dict[int, str]:
    """Name the grey values that the masks of a folder have, after the folder."""
    values: set[int] = set()
    for paths in files_by_stem(masks).values():
        for path in paths:
            try:
                values |= {int(value) for value in np.unique(read_mask(path)) if value}
            except ValueError:
                # Reported when the mask itself is read.
                continue
    if len(values) == 1:
        return {values.pop(): masks.name}
    return {value: f'{masks.name}_{value}' for value in sorted(values)}
