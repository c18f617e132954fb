"""The embedded dataset: generated surfaces with defects, nothing to download."""

import hashlib
import json
from collections.abc import Iterator, Sequence

from mmvrec.datasets.base import DefectDataset, name_list
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord, encode_mask, mask_bbox
from mmvrec.synthesis import (
    DATASET_DEFECTS,
    DATASET_SURFACES,
    DEFECTS,
    GENERATOR_VERSION,
    SURFACES,
    generate,
    image_rng,
)
from mmvrec.synthesis.compose import check_name, check_size


@DATASETS.register_module()
class SyntheticDefects(DefectDataset):
    """Generated images, one defect each; the tasks are surfaces, the classes types of defect.

    Nothing lies on disk. An image is drawn when its item is asked for, by :func:`draw_instance`,
    which stands before the first transform of the pipeline; in a record that has not been drawn
    ``bbox`` is the whole image and ``mask`` None. Image i of a class depends on nothing but its
    seed, surface, defect, number and size. Even numbers are the support, odd ones the query, so
    that a larger ``instances_per_class`` adds instances and changes none.

    Args:
        split (str): ``support``, ``query`` or ``all``. Defaults to ``all``.
        surfaces (Sequence[str], optional): the tasks, names in ``SURFACES``. Defaults to None: the
            four of ``DATASET_SURFACES``.
        defects (Sequence[str], optional): the classes, in label order, names in ``DEFECTS``.
            Defaults to None: the six of ``DATASET_DEFECTS``.
        instances_per_class (int): in each of the two splits. Defaults to 20.
        seed (int): another seed gives other images. Defaults to 0.
        size (Sequence[int]): height and width of the images in pixels. Defaults to (320, 320).
        pipeline (Sequence): transforms; they find ``img``, uint8 RGB (H, W, 3), and
            ``instance_mask``, uint8 {0, 255} (H, W), already there. Defaults to none.
        **kwargs: further arguments of :class:`DefectDataset`. ``split_seed`` and ``split_by`` have
            no effect: all images are independent.

    Raises:
        ValueError: an unknown surface or defect, or an argument out of range.
    """

    NAME = 'synthetic'
    TASK_CLASSES = dict.fromkeys(DATASET_SURFACES, DATASET_DEFECTS)

    def __init__(
        self,
        split: str = 'all',
        surfaces: Sequence[str] | None = None,
        defects: Sequence[str] | None = None,
        instances_per_class: int = 20,
        seed: int = 0,
        size: Sequence[int] = (320, 320),
        pipeline: Sequence = (),
        **kwargs,
    ):
        surfaces = _chosen('surface', DATASET_SURFACES if surfaces is None else surfaces, SURFACES)
        defects = _chosen('defect', DATASET_DEFECTS if defects is None else defects, DEFECTS)
        _check_integer('instances_per_class', instances_per_class, 1)
        _check_integer('seed', seed, 0)
        check_size(size)
        self.TASK_CLASSES = dict.fromkeys(surfaces, defects)
        self.instances_per_class = instances_per_class
        self.seed = seed
        self.size = tuple(size)
        # There are no files that could be checked.
        kwargs['annotations_only'] = True
        super().__init__(split=split, pipeline=[draw_instance, *pipeline], **kwargs)

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Make records of all images, see the base class; ``seed`` and ``index`` say which."""
        height, width = self.size
        for surface, defects in self.TASK_CLASSES.items():
            for defect in defects:
                for index in range(2 * self.instances_per_class):
                    name = f'{surface}/{defect}/{index:04d}'
                    yield {
                        'img_path': f'{self.NAME}/{name}.png',
                        'img_id': name,
                        'instance_id': name,
                        'task': surface,
                        'label_name': defect,
                        'bbox': [0.0, 0.0, float(width), float(height)],
                        'mask': None,
                        'img_shape': self.size,
                        'ann_file': self.NAME,
                        'seed': self.seed,
                        'index': index,
                    }

    def make_split(self, records: list[InstanceRecord]) -> dict[str, list[int]]:
        """Split even numbers to the support, odd ones to the query."""
        halves: dict[str, list[int]] = {'support': [], 'query': []}
        for position, record in enumerate(records):
            halves['query' if record['index'] % 2 else 'support'].append(position)
        return halves

    def fingerprint(self) -> str:
        """Hash what images depend on (SHA-256): generator's version, arguments, instances."""
        ids = [self.get_data_info(i)['instance_id'] for i in range(len(self))]
        content = [GENERATOR_VERSION, self.seed, self.size, self.TASK_CLASSES, ids]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def draw_instance(record: InstanceRecord) -> dict:
    """Draw the image of a record of :class:`SyntheticDefects`.

    Args:
        record (InstanceRecord): with ``seed``, ``task``, ``label_name``, ``index``, ``img_shape``.

    Returns:
        dict: the same with ``img``, uint8 RGB, shape (H, W, 3); ``instance_mask``, uint8 {0, 255},
        shape (H, W); and ``bbox`` and ``mask`` of the defect.
    """
    surface, defect = record['task'], record['label_name']
    rng = image_rng(record['seed'], surface, defect, record['index'])
    image, mask = generate(surface, defect, rng, record['img_shape'])
    drawn = {
        'img': image,
        'instance_mask': mask,
        'bbox': mask_bbox(mask),
        'mask': encode_mask(mask),
    }
    return {**record, **drawn}


def _chosen(kind: str, names: Sequence[str], known: dict) -> tuple[str, ...]:
    names = name_list(f'{kind}s', names)
    if not names:
        raise ValueError(f'{kind}s must be a list of names from {list(known)}, got {names!r}')
    for name in names:
        check_name(kind, name, known)
        if names.count(name) > 1:
            raise ValueError(f'{kind} {name!r} is listed twice in {names}')
    return tuple(names)


def _check_integer(name: str, value: int, least: int) -> None:
    if not isinstance(value, int) or value < least:
        raise ValueError(f'{name} must be an integer >= {least}, got {value!r}')
