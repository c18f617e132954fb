"""Boxes and polygons in PASCAL VOC annotations."""

import os
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.formats.voc_xml import declared_shape, parse_object, read_xml
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.paths import ListedImages, files_by_stem, walk_files


@dataclass(frozen=True)
class XmlFolder:
    """One folder of XML files and its images.

    Args:
        annotations (Path): folder in which, or under which, the XML files lie.
        images (Path): folder in which, or under which, the images of the same stems lie.
    """

    annotations: Path
    images: Path


class VOCDefects(DefectDataset):
    """Boxes and polygons in VOC XML files; base of datasets that differ in their folders.

    The class of an object is its ``<name>``. The image is found by the path of the XML file, or by
    its stem alone, since ``<filename>`` and ``<path>`` are unreliable in the published files. An
    XML file without image and an object listed twice are problems that are not fatal.

    Args:
        data_root (str): folder of the dataset.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: bad annotations.
    """

    #: Whether the dataset is the user's own: an XML file without image is a fatal problem then, and
    #: ``<filename>`` is looked at where no image has the stem of the XML file.
    OWN = False

    @abstractmethod
    def xml_folders(self) -> list[XmlFolder]:
        """List the folders of ``data_root``'s layout; ``FileNotFoundError`` if it has none."""

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the XML files, ordered by the id of their image."""
        files = []
        for folder in self.xml_folders():
            images = _FolderOfImages(folder.images)
            for path in walk_files(folder.annotations, ['.xml']):
                img_id = path.relative_to(folder.annotations).with_suffix('').as_posix()
                files.append((img_id, path, images))
        used: dict[Path, Path] = {}
        for img_id, path, images in sorted(files, key=lambda file: file[:2]):
            try:
                root = read_xml(path)
                img_shape = declared_shape(root)
                image = self._find_image(img_id, root, images)
            except ValueError as error:
                self.report(path, img_id, str(error))
                continue
            if image is None:
                self.report(path, img_id, 'no image of this name: not used', fatal=self.OWN)
            elif used.setdefault(image, path) != path:
                message = f'{used[image]} is of the same image {image}; keep one of them'
                self.report(path, img_id, message)
            else:
                yield from self.read_objects(img_id, path, root, image, img_shape)

    def _find_image(self, img_id: str, root: Element, images: '_FolderOfImages') -> Path | None:
        files = images.of_stem(img_id)
        if len(files) > 1:
            names = list(map(str, files))
            raise ValueError(f'several images have its name: {names}; keep one')
        if files:
            return files[0]
        if self.annotations_only:
            return Path(images.folder, f'{img_id}.jpg')
        name = (root.findtext('filename') or '').strip()
        if not self.OWN or not name:
            return None
        path = images.listed.find(name, Path(images.folder, img_id).parent, images.folder)
        return Path(path) if os.path.lexists(path) else None

    def read_objects(
        self,
        img_id: str,
        path: Path,
        root: Element,
        image: Path,
        img_shape: tuple[int, int] | None,
    ) -> Iterator[InstanceRecord]:
        """Read the objects of an XML file.

        Args:
            img_id (str): id of the image.
            path (Path): the XML file.
            root (Element): its content.
            image (Path): the image.
            img_shape (tuple[int, int], optional): height and width that the file declares.
        """
        seen = set()
        for index, element in enumerate(root.iter('object')):
            instance = f'{img_id}#{index}'
            if (element.findtext('deleted') or '').strip() == '1':
                self.report(path, instance, 'not used: it is marked as deleted', fatal=False)
                continue
            try:
                content = parse_object(element)
            except ValueError as error:
                self.report(path, instance, str(error))
                continue
            if str(content) in seen:
                message = f'the box {content["bbox"]} is listed twice'
                self.report(path, instance, message, fatal=False)
                continue
            seen.add(str(content))
            yield {
                'img_path': str(image),
                'img_id': img_id,
                'instance_id': instance,
                'task': self.NAME,
                'img_shape': img_shape,
                'ann_file': str(path),
                **content,
            }


class _FolderOfImages:
    """Images of XML files, found by path, stem or ``<filename>``."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.listed = ListedImages(folder)
        self._by_path = files_by_stem(folder)
        self._by_stem = defaultdict(list)
        for path, files in self._by_path.items():
            self._by_stem[path.rpartition('/')[2]] += files

    def of_stem(self, img_id: str) -> list[Path]:
        """Get the images of the path of an XML file, else those of its stem in any folder."""
        return self._by_path.get(img_id) or self._by_stem.get(img_id.rpartition('/')[2], [])


@DATASETS.register_module()
class PascalVOC(VOCDefects):
    """The user's own boxes and polygons in VOC XML files, an image's in a file of its name.

    The image has the path of the XML file, or its stem in any folder, or the name ``<filename>``.
    A ``<polygon>`` or ``<robndbox>`` is the mask of its object.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/voc/``.
        ann_dir (str): folder of the XML files, at any depth in it, relative to ``data_root``.
            Defaults to ``Annotations``.
        img_dir (str): folder of the images, at any depth in it, relative to ``data_root``. Defaults
            to ``JPEGImages``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: bad annotations; an XML file without image is one.
    """

    NAME = 'voc'
    DATA_ROOT = 'data/voc/'
    OWN = True
    LAYOUT = (
        'A VOC dataset looks like this:\n'
        '  data_root/Annotations/part_001.xml (ann_dir)\n'
        '  data_root/JPEGImages/part_001.jpg (img_dir)\n'
        "  (both in one folder: ann_dir='.', img_dir='.')"
    )

    def __init__(
        self,
        data_root: str | None = None,
        ann_dir: str = 'Annotations',
        img_dir: str = 'JPEGImages',
        **kwargs,
    ):
        self.ann_dir = ann_dir
        self.img_dir = img_dir
        super().__init__(data_root=data_root, **kwargs)

    def xml_folders(self) -> list[XmlFolder]:
        """List the one folder of each."""
        annotations = self.folder(self.ann_dir)
        if not self.annotations_only:
            self.folder(self.img_dir)
        return [XmlFolder(annotations, Path(self.data_root, self.img_dir))]
