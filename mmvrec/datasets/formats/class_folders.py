"""A folder of images for every class."""

from collections.abc import Iterator
from pathlib import Path

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.formats.label_folders import report_loose, report_others, subfolders
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.images import image_shape
from mmvrec.utils.paths import IMAGE_SUFFIXES, walk_files


@DATASETS.register_module()
class ClassFolders(DefectDataset):
    """A folder per class, of crops of defects or of whole images; each image is one instance.

    Images of a class may lie in folders of its folder. The box is the whole image. The view
    settings suit crops around a defect: for images that are crops already, take
    ``scale_unit='image'`` in ``MultiViewRegionContext``. Image files are looked at, for their size,
    under ``annotations_only`` too.

    Args:
        data_root (str): the folder of the class folders. Defaults to ``data/classes/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder is missing.
        ValueError: there are no class folders, or bad images.
    """

    NAME = 'class_folders'
    DATA_ROOT = 'data/classes/'
    SPLIT_GROUPS = ('source', 'image')
    LAYOUT = (
        'A dataset of class folders looks like this:\n'
        '  data_root/scratch/001.png, data_root/dent/001.png'
    )

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the folders, by class and file name."""
        report_loose(self, Path(self.data_root))
        for folder in subfolders(Path(self.data_root)):
            images = walk_files(folder, IMAGE_SUFFIXES)
            if not images:
                self.report(folder, '', f'it has no image; images end in {list(IMAGE_SUFFIXES)}')
            report_others(self, folder, 'images')
            for path in images:
                yield from self._read_image(path, folder.name)

    def _read_image(self, path: Path, label_name: str) -> Iterator[InstanceRecord]:
        img_id = path.relative_to(self.data_root).as_posix()
        try:
            height, width = image_shape(path)
        except (ValueError, OSError) as error:
            self.report(path, img_id, str(error))
            return
        yield {
            'img_path': str(path),
            'img_id': img_id,
            'instance_id': img_id,
            'task': self.NAME,
            'label_name': label_name,
            'bbox': [0.0, 0.0, float(width), float(height)],
            'mask': None,
            'img_shape': (height, width),
            'ann_file': str(path),
        }
