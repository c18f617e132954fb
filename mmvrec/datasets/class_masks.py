"""Products with mask images, whose grey values may be classes."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmvrec.datasets.base import name_list
from mmvrec.datasets.formats.label_folders import subfolders
from mmvrec.datasets.mask_instances import MaskImageDefects, read_mask
from mmvrec.structures import InstanceRecord


class ProductMasks(MaskImageDefects):
    """Base of datasets with a folder for every product, the tasks, and mask images in it.

    Args:
        data_root (str): folder of the products.
        categories (Sequence[str], optional): products to load. Defaults to None: all.
        **kwargs: see :class:`MaskImageDefects`; where grey values are classes ``threshold`` has no
            meaning.

    Raises:
        FileNotFoundError: there is no product, or one that ``categories`` names is missing.
        ValueError: bad arguments or annotations.
    """

    #: File or folder by which the folder of a product is known.
    MARKER = ''

    def __init__(
        self, data_root: str | None = None, categories: Sequence[str] | None = None, **kwargs
    ):
        self.categories = None if categories is None else name_list('categories', categories)
        super().__init__(data_root=data_root, **kwargs)

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the masks, product by product."""
        root = Path(self.data_root)
        present = [folder.name for folder in subfolders(root) if (folder / self.MARKER).exists()]
        names = present if self.categories is None else self.categories
        missing = [name for name in names if name not in present]
        if missing or not present:
            raise FileNotFoundError(
                f'{type(self).__name__}: no products {missing or f"with {self.MARKER}"} in {root}; '
                f'it has {present}\n{self.LAYOUT}'
            )
        for name in names:
            for record in self.read_product(root / name):
                yield {**record, 'task': name}

    @abstractmethod
    def read_product(self, folder: Path) -> Iterator[InstanceRecord]:
        """Read the masks of one product, whose name is the folder's."""

    def class_records(
        self, mask_paths: Sequence[Path], img_path: Path, img_id: str, names: Mapping[int, str]
    ) -> Iterator[InstanceRecord]:
        """Yield the records of one image; what is wrong with its masks goes to :meth:`report`.

        Args:
            mask_paths (Sequence[Path]): its mask images, at least one.
            img_path (Path): the image.
            img_id (str): id of the image.
            names (Mapping[int, str]): classes by grey value, 1 to 255.
        """
        index = 0
        for path in mask_paths:
            try:
                values = read_mask(path)
            except (ValueError, OSError) as error:
                self.report(path, img_id, str(error))
                continue
            present = [int(value) for value in np.unique(values) if value]
            if not present:
                self.report(path, img_id, 'the mask is empty: all its pixels are 0', fatal=False)
            for value in present:
                if value not in names:
                    message = f'no class has the grey value {value}; classes are {dict(names)}'
                    self.report(path, img_id, message)
                    continue
                masks = self.instance_masks([values == value])
                if not masks:
                    message = f'{names[value]}: no component of at least {self.min_area} pixels'
                    self.report(path, img_id, message, fatal=False)
                for _, mask in masks:
                    yield self.mask_record(mask, path, img_path, img_id, index, names[value])
                    index += 1
