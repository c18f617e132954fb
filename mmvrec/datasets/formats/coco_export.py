"""Export of any dataset of defect instances to a COCO file."""

import os
from pathlib import Path

from mmvrec.datasets.base import DefectDataset
from mmvrec.structures import InstanceRecord, decode_mask, encode_mask
from mmvrec.utils.paths import inside


def to_coco(dataset: DefectDataset, single_class: str | None = None) -> dict:
    """Convert the instances of a dataset to the content of a COCO detection file.

    Masks are written as compressed RLE of the pixels that this package draws, so that
    :class:`CocoDefects` reads exactly them; instances without mask get none. Tasks go into the
    field ``task`` of the annotations.

    Args:
        dataset (DefectDataset): the dataset, of images on disk, loaded.
        single_class (str, optional): name of the one category of all instances, for detectors that
            only find. Defaults to None: their classes.

    Returns:
        dict: ``images`` (``file_name`` relative to ``data_root``), ``annotations`` and
        ``categories`` (all classes of all tasks, in label order, ids from 1).

    Raises:
        ValueError: the size of an image is not known (``annotations_only``), or it lies outside
            ``data_root``.
    """
    records = [dataset.get_data_info(index) for index in range(len(dataset))]
    names = dict.fromkeys(name for classes in dataset.task_classes.values() for name in classes)
    if single_class is not None:
        names = {single_class: None}
    categories = {name: identity for identity, name in enumerate(names, start=1)}
    images: dict[str, dict] = {}
    annotations = []
    for identity, record in enumerate(records, start=1):
        inside('', record['img_path'], dataset.data_root)
        name = Path(os.path.relpath(record['img_path'], dataset.data_root)).as_posix()
        if record['img_shape'] is None:
            raise ValueError(f'{name}: its size is not known; load without annotations_only')
        height, width = record['img_shape']
        entry = {'id': len(images) + 1, 'file_name': name, 'height': height, 'width': width}
        image = images.setdefault(name, entry)
        annotations.append(
            {
                'id': identity,
                'image_id': image['id'],
                'category_id': categories[
                    record['label_name'] if single_class is None else single_class
                ],
                'task': record['task'],
                **_geometry(record),
            }
        )
    return {
        'images': list(images.values()),
        'annotations': annotations,
        'categories': [{'id': i, 'name': name} for name, i in categories.items()],
    }


def _geometry(record: InstanceRecord) -> dict:
    x1, y1, x2, y2 = map(float, record['bbox'])
    height, width = record['img_shape']
    box = {'bbox': [x1, y1, x2 - x1, y2 - y1], 'iscrowd': 0}
    if record['mask'] is None:
        return {**box, 'area': (x2 - x1) * (y2 - y1)}
    mask = decode_mask(record['mask'], record['bbox'], height, width)
    rle = {'size': [height, width], 'counts': encode_mask(mask)['counts']}
    return {**box, 'area': int((mask > 0).sum()), 'segmentation': rle}
