"""Images and masks in the folders of MVTec AD."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmvrec.datasets.base import name_list
from mmvrec.datasets.formats.label_folders import (
    pair_problem,
    report_loose,
    report_others,
    subfolders,
)
from mmvrec.datasets.mask_instances import MaskImageDefects
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.paths import IMAGE_SUFFIXES, files_by_stem


@DATASETS.register_module()
class MaskFolders(MaskImageDefects):
    """Images and masks in the layout of MVTec AD; every product is a task.

    A mask has the path of its image, at any depth in the folder of the class, with or without
    ``_mask``. That folder tells the class of all instances in the mask, so a folder that holds
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
    DATA_ROOT = 'data/mvtec_ad/'
    LAYOUT = (
        'A dataset in the layout of MVTec AD looks like this (bottle/ may be data_root itself):\n'
        '  data_root/bottle/test/broken_large/000.png\n'
        '  data_root/bottle/ground_truth/broken_large/000_mask.png'
    )
    #: What masks are called in messages.
    MASK_KIND = 'mask'
    #: How their files end: suffixes, and what stands before one.
    MASK_SUFFIXES: tuple[str, ...] = IMAGE_SUFFIXES
    MASK_ENDING = '_mask'
    #: Folders that hold defects of several classes.
    MIXED = ('combined',)
    #: Folder of the images without defect.
    GOOD = 'good'

    def __init__(
        self,
        data_root: str | None = None,
        categories: Sequence[str] | None = None,
        **kwargs,
    ):
        self.categories = None if categories is None else name_list('categories', categories)
        super().__init__(data_root=data_root, **kwargs)

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the masks, by product, class and file name."""
        for name, product in self.products('ground_truth').items():
            report_loose(self, product / 'ground_truth')
            folders = subfolders(product / 'ground_truth')
            for folder in folders:
                if not self.is_mixed(folder):
                    yield from self.read_class(name, product / 'test' / folder.name, folder)
            with_masks = {self.GOOD, *(folder.name for folder in folders)}
            images = product / 'test'
            report_loose(self, images)
            for folder in subfolders(images):
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
        """Find the chosen products by name: the folders with a folder ``part``.

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

    def read_class(self, product: str, images: Path, masks: Path) -> Iterator[InstanceRecord]:
        """Read the masks of one class, and report what has no partner.

        Args:
            product (str): name of the product, the task.
            images (Path): folder of the images; its name is the class.
            masks (Path): folder of the masks.
        """
        kind, ending = self.MASK_KIND, self.MASK_ENDING
        report_others(self, masks, f'{kind}s', self.MASK_SUFFIXES)
        files = defaultdict(list)
        for stem, paths in files_by_stem(masks, self.MASK_SUFFIXES).items():
            files[stem.removesuffix(ending)] += paths
        pictures = files_by_stem(images)
        for stem in sorted(set(pictures) - set(files)):
            message = f'not used: no {kind} {masks / stem}{ending}.*'
            self.report(pictures[stem][0], '', message, fatal=False)
        for stem, paths in files.items():
            message = pair_problem(f'{kind}s', paths, pictures.get(stem, []), images / stem)
            if message:
                self.report(paths[0], '', message)
                continue
            img_id = f'{product}/{images.name}/{stem}'
            for record in self.mask_records(paths, pictures[stem][0], img_id, images.name):
                yield {**record, 'task': product}
