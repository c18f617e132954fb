"""MVTec-FS as folders of images and masks, without its CSV files."""

from collections.abc import Iterator
from pathlib import Path

from mmvrec.datasets.formats.label_folders import report_loose, subfolders
from mmvrec.datasets.formats.mask_folders import MaskFolders
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord

#: Names of the folders of images, and of masks beside them.
_IMAGES = ('images', 'image', 'test')
_MASKS = ('masks', 'mask', 'ground_truth')
_NORMAL = ('good', 'normal')


@DATASETS.register_module()
class MVTecFSFolders(MaskFolders):
    """MVTec-FS of a mirror that has masks in folders; every product is a task.

    For copies without the CSV files that :class:`MVTecFS` reads, such as data hubs hold: a mask has
    the path of its image, with or without ``_mask``; the folder tells the class. Normal images
    (``good``, ``normal``) are not used. Instances are the components of the masks, so that numbers
    may differ from those of the CSV files, and there is no published split.

    Args:
        data_root (str): folder of the products. Defaults to ``data/mvtec_fs/``.
        **kwargs: see :class:`MaskFolders`.

    Raises:
        FileNotFoundError: no product is found, or one that ``categories`` names is missing.
        ValueError: bad arguments or annotations.
    """

    NAME = 'mvtec_fs_folders'
    DATA_ROOT = 'data/mvtec_fs/'
    LICENCE = 'cc-by-nc-sa-4.0'
    LAYOUT = (
        'MVTec-FS in folders looks like this (also image/ and mask/, test/ and ground_truth/):\n'
        '  data_root/bottle/images/broken_large/000.png, data_root/bottle/images/good/000.png\n'
        '  data_root/bottle/masks/broken_large/000.png'
    )

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the masks, by product, class and file name."""
        part = next((m for m in _MASKS if any(Path(self.data_root).glob(f'*/{m}'))), _MASKS[0])
        for name, product in self.products(part).items():
            images = next((product / i for i in _IMAGES if (product / i).is_dir()), None)
            if images is None:
                self.report(product, '', f'it has no folder of images, one of {list(_IMAGES)}')
                continue
            report_loose(self, product / part)
            for masks in subfolders(product / part):
                if masks.name not in _NORMAL and not self.is_mixed(masks):
                    yield from self.read_class(name, images / masks.name, masks)
