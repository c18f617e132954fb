"""Datasets of the user's own that are nothing but folders: of classes, or of masks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.mask_instances import MaskImageDefects
from mmvrec.registry import DATASETS
from mmvrec.utils.images import image_shape
from mmvrec.utils.paths import IMAGE_SUFFIXES, is_debris


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder, not of its subfolders, sorted."""
    files = (path for path in folder.iterdir() if not is_debris(path))
    return sorted(path for path in files if path.suffix.lower() in IMAGE_SUFFIXES)


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted; hidden ones and debris are left away."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_debris(path))


@DATASETS.register_module()
class ClassFolders(DefectDataset):
    """A folder per class, of crops of defects or of whole images; each image is one instance.

    The box is the whole image. The view settings suit crops around a defect: for images that are
    crops already, take ``scale_unit='image'`` in ``MultiViewRegionContext``. Image files are looked
    at, for their size, under ``annotations_only`` too.

    Args:
        data_root (str): the folder of the class folders. Defaults to ``data/classes/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder is missing.
        ValueError: there are no class folders, or bad images.
    """

    NAME = 'class_folders'
    SPLIT_GROUPS = ('source', 'image')
    LAYOUT = (
        'A dataset of class folders looks like this:\n'
        '  data_root/scratch/001.png, data_root/dent/001.png'
    )

    def __init__(self, data_root: str = 'data/classes/', **kwargs):
        super().__init__(data_root=data_root, **kwargs)

    def load_instances(self) -> Iterator[dict]:
        """Read the folders, by class and file name."""
        for folder in subfolders(Path(self.data_root)):
            images = images_in(folder)
            if not images:
                self.report(folder, '', f'it has no image; images end in {list(IMAGE_SUFFIXES)}')
            for path in sorted(p for p in folder.iterdir() if p.is_file() and p not in images):
                self.report(path, '', f'not used: images end in {list(IMAGE_SUFFIXES)}', False)
            for path in images:
                img_id = f'{folder.name}/{path.name}'
                try:
                    height, width = image_shape(path)
                except (ValueError, OSError) as error:
                    self.report(path, img_id, str(error))
                    continue
                yield {
                    'img_path': str(path),
                    'img_id': img_id,
                    'instance_id': img_id,
                    'task': self.NAME,
                    'label_name': folder.name,
                    'bbox': [0.0, 0.0, float(width), float(height)],
                    'mask': None,
                    'img_shape': (height, width),
                    'ann_file': str(path),
                }


@DATASETS.register_module()
class MaskFolders(MaskImageDefects):
    """Images and masks in the layout of MVTec AD; every product is a task.

    The folder of a test image tells the class of all instances in its mask, so a folder that holds
    several classes of defects (``combined``) cannot be used and is a problem; leave it away with
    ``on_problem='skip'``, or annotate its instances one by one. ``good`` is not looked at.

    Args:
        data_root (str): folder of a product, or of several. Defaults to ``data/mvtec_ad/``.
        categories (Sequence[str], optional): products to load. Defaults to None: all.
        **kwargs: see :class:`MaskImageDefects`.

    Raises:
        FileNotFoundError: no product is found, or one that ``categories`` names is missing.
        ValueError: bad arguments or annotations.
    """

    NAME = 'mask_folders'
    LAYOUT = (
        'A dataset in the layout of MVTec AD looks like this (bottle/ may be data_root itself):\n'
        '  data_root/bottle/test/broken_large/000.png\n'
        '  data_root/bottle/ground_truth/broken_large/000_mask.png'
    )
    #: Folders that hold defects of several classes.
    MIXED = ('combined',)
    #: Folder of the images without defect.
    GOOD = 'good'

    def __init__(
        self,
        data_root: str = 'data/mvtec_ad/',
        categories: Sequence[str] | None = None,
        **kwargs,
    ):
        self.categories = None if categories is None else list(categories)
        super().__init__(data_root=data_root, **kwargs)

    def load_instances(self) -> Iterator[dict]:
        """Read the masks, by product, class and file name."""
        for name, product in self.products('ground_truth').items():
            folders = subfolders(product / 'ground_truth')
            for folder in folders:
                if not self.is_mixed(folder):
                    yield from self._read_class(name, product, folder)
            with_masks = {self.GOOD, *(folder.name for folder in folders)}
            images = product / 'test'
            for folder in subfolders(images) if images.is_dir() else ():
                if folder.name not in with_masks:
                    missing = product / 'ground_truth' / folder.name
                    self.report(folder, '', f'not used: no folder {missing} of its masks', False)

    def is_mixed(self, folder: Path) -> bool:
        """Whether a folder of masks tells no class, which is reported."""
        if folder.name not in self.MIXED:
            return False
        self.report(
            folder,
            '',
            'it mixes several classes of defects, so its folder tells no class; leave '
            'the folder out or annotate its instances one by one',
        )
        return True

    def products(self, part: str) -> dict[str, Path]:
        """Folders of the chosen products by name; a product is a folder with a folder ``part``.

        Raises:
            FileNotFoundError: there is none, or one that ``categories`` names is missing.
        """
        root = Path(self.data_root)
        if (root / part).is_dir():
            products = {root.resolve().name: root}
        else:
            products = {p.name: p for p in subfolders(root) if (p / part).is_dir()}
        kind = type(self).__name__
        if not products:
            raise FileNotFoundError(
                f'{kind}: no folder {part} in {self.data_root!r} or below\n{self.LAYOUT}'
            )
        names = list(products) if self.categories is None else self.categories
        missing = [name for name in names if name not in products]
        if missing:
            raise FileNotFoundError(
                f'{kind}: no products {missing} in {self.data_root!r}; it has {list(products)}'
            )
        return {name: products[name] for name in names}

    def _read_class(self, name: str, product: Path, folder: Path) -> Iterator[dict]:
        images = product / 'test' / folder.name
        by_stem = {path.stem: path for path in images_in(images)} if images.is_dir() else {}
        masks = [(path.stem.removesuffix('_mask'), path) for path in images_in(folder)]
        for stem in sorted(set(by_stem) - {stem for stem, _ in masks}):
            self.report(by_stem[stem], '', f'not used: no mask {folder / stem}_mask.*', False)
        for stem, mask_path in masks:
            if stem not in by_stem:
                self.report(mask_path, '', f'it has no image {images / stem}.*')
                continue
            img_id = f'{name}/{folder.name}/{stem}'
            for record in self.mask_records([mask_path], by_stem[stem], img_id, folder.name):
                yield {**record, 'task': name}
