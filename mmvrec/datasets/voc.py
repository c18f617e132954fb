"""Datasets with PASCAL VOC annotations: NEU-DET and HRIPCB."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from mmvrec.datasets.base import DefectDataset
from mmvrec.registry import DATASETS
from mmvrec.utils.paths import IMAGE_SUFFIXES, walk_files


@dataclass(frozen=True)
class XmlFolder:
    """One folder of XML files and its images.

    Args:
        annotations (Path): folder of the XML files.
        images (Path): folder in which, or under which, the images of the same stems lie.
        prefix (str): put before the stem to name an image. Defaults to the empty string.
    """

    annotations: Path
    images: Path
    prefix: str = ''


class VOCDefects(DefectDataset):
    """Boxes in VOC XML files; base of datasets that differ in their folders.

    The class of a box is its ``<name>``. The image is found by the stem of the XML file, since
    ``<filename>`` and ``<path>`` are unreliable in the published files. An XML file without image
    and a box listed twice are problems that are not fatal.

    Args:
        data_root (str): folder of the dataset.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: bad annotations.
    """

    #: Whether an XML file without image is a fatal problem; not so in the published datasets.
    MISSING_IMAGE_IS_FATAL = False

    @abstractmethod
    def xml_folders(self) -> list[XmlFolder]:
        """Folders of the layout that ``data_root`` has; ``FileNotFoundError`` if it has none."""

    def load_instances(self) -> Iterator[dict]:
        """Read the XML files, ordered by the id of their image."""
        files = []
        for folder in self.xml_folders():
            images = _images_by_stem(folder.images)
            for path in sorted(folder.annotations.glob('*.xml')):
                candidates = images.get(path.stem, [])
                if self.annotations_only and not candidates:
                    candidates = [folder.images / f'{path.stem}.jpg']
                files.append((folder.prefix + path.stem, path, candidates))
        for img_id, path, candidates in sorted(files):
            if len(candidates) == 1:
                yield from self._read_xml(img_id, path, candidates[0])
            elif candidates:
                self.report(path, img_id, f'several images have its name: {candidates}; keep one')
            else:
                fatal = self.MISSING_IMAGE_IS_FATAL
                self.report(path, img_id, 'no image of this name: not used', fatal=fatal)

    def _read_xml(self, img_id: str, path: Path, img_path: Path) -> Iterator[dict]:
        try:
            root = ElementTree.parse(path).getroot()
            img_shape = _declared_shape(root)
        except (ParseError, DefusedXmlException, ValueError, LookupError, OSError) as error:
            self.report(path, img_id, f'not a usable XML file: {error!r}')
            return
        seen = set()
        for index, element in enumerate(root.iter('object')):
            instance = f'{img_id}#{index}'
            try:
                name, bbox = _parse_object(element)
            except ValueError as error:
                self.report(path, instance, str(error))
                continue
            if (name, *bbox) in seen:
                self.report(path, instance, f'the box {bbox} is listed twice', fatal=False)
                continue
            seen.add((name, *bbox))
            yield {
                'img_path': str(img_path),
                'img_id': img_id,
                'instance_id': instance,
                'task': self.NAME,
                'label_name': name,
                'bbox': bbox,
                'mask': None,
                'img_shape': img_shape,
                'ann_file': str(path),
            }


@DATASETS.register_module()
class NEUDET(VOCDefects):
    """NEU-DET: surface defects of hot-rolled steel strip, 200 x 200 pixels, six classes.

    Song and Yan, Applied Surface Science 285, 2013; He et al., IEEE TIM 69(4), 2020. Two layouts
    are known, see ``LAYOUT``; instance ids and order are the same in both.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/neu_det/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: neither layout is found.
        ValueError: bad annotations.
    """

    NAME = 'neu_det'
    TASK_CLASSES = {
        'neu_det': [
            'crazing',
            'inclusion',
            'patches',
            'pitted_surface',
            'rolled-in_scale',
            'scratches',
        ]
    }
    LAYOUT = (
        'NEU-DET looks like this:\n'
        '  data_root/IMAGES/crazing_1.jpg, data_root/ANNOTATIONS/crazing_1.xml\n'
        '  (also Validation_Images, Validation_Annotations)\n'
        'or like this:\n'
        '  data_root/train/images/crazing/crazing_1.jpg\n'
        '  data_root/train/annotations/crazing_1.xml (also validation/)'
    )

    def __init__(self, data_root: str = 'data/neu_det/', **kwargs):
        super().__init__(data_root=data_root, **kwargs)

    def xml_folders(self) -> list[XmlFolder]:
        """Both halves of either layout."""
        pairs = (
            ('ANNOTATIONS', 'IMAGES'),
            ('Validation_Annotations', 'Validation_Images'),
            ('train/annotations', 'train/images'),
            ('validation/annotations', 'validation/images'),
        )
        root = Path(self.data_root)
        found = [pair for pair in pairs if (root / pair[0]).is_dir()]
        if not found:
            raise FileNotFoundError(f'NEUDET: no annotations in {self.data_root!r}\n{self.LAYOUT}')
        if not self.annotations_only:
            for _, images in found:
                self.folder(images)
        return [XmlFolder(root / annotations, root / images) for annotations, images in found]


@DATASETS.register_module()
class HRIPCB(VOCDefects):
    """HRIPCB (PKU PCB defects): photographs of bare circuit boards, six classes.

    Huang et al., "HRIPCB: a challenging dataset for PCB defects detection and classification",
    Journal of Engineering, 2020.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/pcb/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: bad annotations.
    """

    NAME = 'hripcb'
    TASK_CLASSES = {
        'hripcb': [
            'missing_hole',
            'mouse_bite',
            'open_circuit',
            'short',
            'spur',
            'spurious_copper',
        ]
    }
    LAYOUT = (
        'HRIPCB looks like this:\n'
        '  data_root/Annotations/Missing_hole/01_missing_hole_01.xml\n'
        '  data_root/images/Missing_hole/01_missing_hole_01.jpg'
    )

    def __init__(self, data_root: str = 'data/pcb/', **kwargs):
        super().__init__(data_root=data_root, **kwargs)

    def xml_folders(self) -> list[XmlFolder]:
        """One pair of folders for each class."""
        annotations = self.folder('Annotations')
        images = Path(self.data_root, 'images')
        if not self.annotations_only:
            self.folder('images')
        return [
            XmlFolder(folder, images / folder.name, f'{folder.name}/')
            for folder in sorted(annotations.iterdir())
            if folder.is_dir()
        ]


@DATASETS.register_module()
class PascalVOC(VOCDefects):
    """The user's own boxes in VOC XML files, an image's in a file of its name.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/voc/``.
        ann_dir (str): folder of the XML files, relative to ``data_root``. Defaults to
            ``Annotations``.
        img_dir (str): folder of the images, at any depth in it, relative to ``data_root``. Defaults
            to ``JPEGImages``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: bad annotations; an XML file without image is one.
    """

    NAME = 'voc'
    MISSING_IMAGE_IS_FATAL = True
    LAYOUT = (
        'A VOC dataset looks like this:\n'
        '  data_root/Annotations/part_001.xml (ann_dir)\n'
        '  data_root/JPEGImages/part_001.jpg (img_dir)'
    )

    def __init__(
        self,
        data_root: str = 'data/voc/',
        ann_dir: str = 'Annotations',
        img_dir: str = 'JPEGImages',
        **kwargs,
    ):
        self.ann_dir = ann_dir
        self.img_dir = img_dir
        super().__init__(data_root=data_root, **kwargs)

    def xml_folders(self) -> list[XmlFolder]:
        """The one folder of each."""
        annotations = self.folder(self.ann_dir)
        if not self.annotations_only:
            self.folder(self.img_dir)
        return [XmlFolder(annotations, Path(self.data_root, self.img_dir))]


def _images_by_stem(folder: Path) -> dict[str, list[Path]]:
    images = defaultdict(list)
    if folder.is_dir():
        for path in walk_files(folder, IMAGE_SUFFIXES):
            images[path.stem].append(path)
    return images


def _declared_shape(root: Element) -> tuple[int, int] | None:
    size = root.find('size')
    if size is None:
        return None
    values = [(size.findtext(name) or '').strip() for name in ('height', 'width')]
    if not all(value.isdecimal() for value in values):
        raise ValueError(f'<size> has height and width {values}, expected two integers')
    return int(values[0]), int(values[1])


def _parse_object(element: Element) -> tuple[str, list[float]]:
    name = (element.findtext('name') or '').strip()
    box = element.find('bndbox')
    if box is None:
        raise ValueError('the <object> has no <bndbox>')
    values = [box.findtext(corner) for corner in ('xmin', 'ymin', 'xmax', 'ymax')]
    try:
        return name, [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'<bndbox> needs the numbers xmin, ymin, xmax, ymax, got {values}'
        ) from error
