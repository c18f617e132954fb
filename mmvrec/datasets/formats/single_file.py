"""Base of datasets whose annotations are one file, laid out as any exporter does."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmvrec.datasets.base import DefectDataset
from mmvrec.utils.paths import ListedImages, is_debris

#: Folders of the images in the exports of COCO (FiftyOne's is the second).
_IMAGE_FOLDERS = ('images', 'data')


class SingleFileDefects(DefectDataset):
    """Instances of one annotation file.

    Args:
        data_root (str): folder of the dataset.
        ann_file (str, optional): the annotation file, relative to ``data_root``. Defaults to None:
            the only file with a usual name (``ANN_FILES``).
        data_prefix (str | dict, optional): folder of the images, relative to ``data_root``;
            or ``dict(img=…)`` with it. Defaults to None: ``images/``, ``data/`` or none, beside
            the annotation file or in ``data_root``. Images that are not there are looked for by
            the last part of their name.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder, the annotation file or the folder of the images is missing.
        ValueError: several files have a usual name, or bad arguments or annotations.
    """

    #: Patterns of usual names; the first of these tuples that has files is looked at.
    ANN_FILES: tuple[tuple[str, ...], ...] = ()

    def __init__(
        self,
        data_root: str | None = None,
        ann_file: str | None = None,
        data_prefix: str | Mapping | None = None,
        **kwargs,
    ):
        if not isinstance(ann_file, str | os.PathLike | None):
            raise ValueError(f'ann_file must be the name of a file, got {ann_file!r:.80}')
        prefix = read_prefix(data_prefix)
        super().__init__(
            data_root=data_root,
            ann_file=str(ann_file or ''),
            data_prefix={} if prefix is None else {'img': prefix},
            **kwargs,
        )

    def open_folder(self) -> Path:
        """Find the annotation file and the folders of the images.

        Returns:
            Path: the annotation file; ``self.ann_file`` is its name.
        """
        kind = type(self).__name__
        if not self.ann_file:
            self.ann_file = str(self.find_annotations())
        path = Path(self.ann_file)
        if not path.is_file():
            raise FileNotFoundError(f'{kind}: no annotation file {path}\n{self.LAYOUT}')
        prefix = self.data_prefix.get('img')
        if prefix is None:
            self._folders = image_folders(path, Path(self.data_root))
        elif os.path.isdir(prefix) or self.annotations_only:
            self._folders = [Path(prefix)]
        else:
            raise FileNotFoundError(f'{kind}: no folder {prefix} (data_prefix)\n{self.LAYOUT}')
        self._images = ListedImages(self.data_root)
        self._paths: dict[str, str] = {}
        return path

    def image_path(self, name: str) -> str:
        """Find an image that the annotation file lists; see :meth:`ListedImages.find`."""
        if name not in self._paths:
            self._paths[name] = self._images.find(name, *self._folders)
        return self._paths[name]

    def find_annotations(self) -> Path:
        """Find the only file with a usual name.

        Raises:
            FileNotFoundError: there is none.
            ValueError: there are several.
        """
        root = Path(self.data_root)
        for patterns in self.ANN_FILES:
            paths = _files(root, patterns)
            if len(paths) == 1:
                return paths[0]
            if paths:
                names = [path.relative_to(root).as_posix() for path in paths]
                raise ValueError(
                    f'{type(self).__name__}: {root} has {len(names)} annotation files, '
                    f'{", ".join(names[:10])}; set ann_file to one, such as ann_file={names[0]}'
                )
        raise FileNotFoundError(
            f'{type(self).__name__}: no annotation file (ann_file) in {root}; the usual names are '
            f'{", ".join(self.ANN_FILES[0])}\n{self.LAYOUT}'
        )


def read_prefix(prefix: object) -> str | None:
    """Read the folder of the images from any spelling of ``data_prefix``; None where it has none.

    Raises:
        ValueError: it is no name of a folder.
    """
    if isinstance(prefix, Mapping) and set(prefix) in ({'img'}, {'img_path'}, set()):
        prefix = next(iter(prefix.values()), None)
    if not isinstance(prefix, str | os.PathLike | None):
        raise ValueError(
            'data_prefix must name the folder of the images, data_prefix=images/ or '
            f"data_prefix=dict(img='images/'), got {prefix!r:.80}"
        )
    return None if prefix is None else str(prefix)


def _files(root: Path, patterns: Sequence[str]) -> list[Path]:
    paths = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    return sorted(
        path
        for path in paths
        if not any(is_debris(Path(part)) for part in path.relative_to(root).parts)
    )


def image_folders(ann_file: Path, root: Path) -> list[Path]:
    """Find the folders where the images of an annotation file can be, the likeliest first."""
    beside = ann_file.parent
    if beside.name.lower() == 'annotations':
        beside = beside.parent
    if not Path(os.path.abspath(beside)).is_relative_to(os.path.abspath(root)):
        beside = root
    # CVAT and COCO: annotations/instances_train.json is of images/train/ or train/.
    subset = ann_file.stem.removeprefix('instances_')
    places = [
        base / folder / part
        for part in ((subset, '') if subset != ann_file.stem else ('',))
        for base in dict.fromkeys((beside, root))
        for folder in (*_IMAGE_FOLDERS, '')
    ]
    return [place for place in places if place.is_dir()]
