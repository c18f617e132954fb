"""Answers as annotations that people correct in the tool they have."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import cv2
import numpy as np

from mmvrec.apis.records import image_pixels, image_records
from mmvrec.datasets.formats.labelme_file import (
    labelme_content,
    labelme_mask,
    labelme_shape,
)
from mmvrec.structures import decode_mask
from mmvrec.utils.files import atomic_folder, write_json
from mmvrec.utils.image_headers import read_header
from mmvrec.utils.outputs import output_names


@dataclass(frozen=True)
class PreLabelledImage:
    """An image in the folder of annotations.

    Args:
        name (str): path of its copy, relative to the folder.
        shape (tuple[int, int]): height and width, pixels.
        records (Sequence[dict]): its instances, ``bbox`` and ``mask`` in upright pixels.
        results (Sequence[dict]): what was answered to them.
    """

    name: str
    shape: tuple[int, int]
    records: Sequence[dict]
    results: Sequence[dict]

    def masks(self) -> list[np.ndarray | None]:
        """Mask of every instance, bool, (H, W); None of one that has only a box."""
        return [
            None if one['mask'] is None else decode_mask(one['mask'], one['bbox'], *self.shape) > 0
            for one in self.records
        ]


def write_pre_labels(
    folder: str | Path,
    kind: str,
    images: Sequence[str],
    instances: Sequence | None,
    answers: Sequence[list[dict] | Exception],
    classes: Sequence[str],
) -> None:
    """Write a new folder with copies of the images and the answers as annotations.

    Images that are stored turned are copied upright, as PNG; broken ones are left out.

    Args:
        folder (str | Path): does not exist yet, or is empty; nobody's annotations are overwritten.
        kind (str): one of :data:`PRE_LABELS`.
        images (Sequence[str]): the files.
        instances (Sequence, optional): see :func:`image_instances`, of each; None for the images
            themselves.
        answers (Sequence[list[dict] | Exception]): of each, its results or why there are none.
        classes (Sequence[str]): all class names.

    Raises:
        ValueError: the folder holds something already.
    """
    given = [None] * len(images) if instances is None else instances
    with atomic_folder(folder) as temporary:
        labelled = []
        rows = zip(output_names(images), images, given, answers, strict=True)
        for name, image, own, results in rows:
            if isinstance(results, Exception):
                continue
            records = image_records(image, own, str(image), '')
            copy = _copy(image, temporary, name)
            shape = read_header(image).shape
            labelled.append(PreLabelledImage(copy, shape, records, results))
        PRE_LABELS[kind](temporary, labelled, classes)


def _copy(image: str, folder: Path, name: str) -> str:
    """Copy an image, upright, below ``folder``; its path relative to it."""
    is_upright = read_header(image).orientation == 1
    suffix = Path(image).suffix if is_upright else '.png'
    target = folder / 'images' / f'{name}{suffix}'
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_upright:
        shutil.copyfile(image, target)
    else:
        _, encoded = cv2.imencode('.png', np.ascontiguousarray(image_pixels(image)[..., ::-1]))
        target.write_bytes(encoded.tobytes())
    return target.relative_to(folder).as_posix()


def _write_labelme(
    folder: Path, images: Sequence[PreLabelledImage], classes: Sequence[str]
) -> None:
    """Write a JSON file beside every image; masks are shapes of the type ``mask``."""
    for image in images:
        rows = zip(image.records, image.masks(), image.results, strict=True)
        shapes = [_shape(*row) for row in rows]
        content = labelme_content(Path(image.name).name, image.shape, shapes)
        write_json(folder / Path(image.name).with_suffix('.json'), content)


def _shape(record: dict, mask: np.ndarray | None, result: dict) -> dict:
    description = f'{result["verdict"]}, {100 * result["score"]:.0f} %'
    if mask is not None:
        return labelme_mask(result['label'], mask, description)
    x1, y1, x2, y2 = record['bbox']
    return labelme_shape(result['label'], [[x1, y1], [x2, y2]], 'rectangle', description)


def _write_coco(folder: Path, images: Sequence[PreLabelledImage], classes: Sequence[str]) -> None:
    """Write ``annotations.json``; masks are RLE."""
    annotations = []
    for identity, image in enumerate(images, start=1):
        for record, result in zip(image.records, image.results, strict=True):
            x1, y1, x2, y2 = record['bbox']
            annotation = {
                'id': len(annotations) + 1,
                'image_id': identity,
                'category_id': classes.index(result['label']) + 1,
                'bbox': [x1, y1, x2 - x1, y2 - y1],
                'area': (x2 - x1) * (y2 - y1),
                'iscrowd': 0,
                'score': result['score'],
                'verdict': result['verdict'],
            }
            if record['mask'] is not None:
                counts = record['mask']['counts']
                annotation['segmentation'] = {'size': list(image.shape), 'counts': counts}
            annotations.append(annotation)
    content = {
        'images': [
            {'id': k, 'file_name': i.name, 'height': i.shape[0], 'width': i.shape[1]}
            for k, i in enumerate(images, start=1)
        ],
        'annotations': annotations,
        'categories': [{'id': k, 'name': name} for k, name in enumerate(classes, start=1)],
    }
    write_json(folder / 'annotations.json', content)


def _write_label_studio(
    folder: Path, images: Sequence[PreLabelledImage], classes: Sequence[str]
) -> None:
    """Write ``tasks.json`` with predictions, and the labelling interface that they belong to.

    Instances are rectangles: its brushes are made of pixels, and cannot be moved.
    """
    tasks = [
        {
            'data': {'image': f'/data/local-files/?d={quote(image.name)}'},
            'predictions': [
                {
                    'model_version': 'mmvrec',
                    'result': [
                        _rectangle(k, record, result, image.shape)
                        for k, (record, result) in enumerate(
                            zip(image.records, image.results, strict=True)
                        )
                    ],
                }
            ],
        }
        for image in images
    ]
    write_json(folder / 'tasks.json', tasks)
    labels = ''.join(f'    <Label value={quoteattr(name)}/>\n' for name in classes)
    interface = (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <RectangleLabels name="label" toName="image">\n{labels}  </RectangleLabels>\n</View>\n'
    )
    (folder / 'interface.xml').write_text(interface, encoding='utf-8')


def _rectangle(number: int, record: dict, result: dict, shape: tuple[int, int]) -> dict:
    height, width = shape
    x1, y1, x2, y2 = record['bbox']
    return {
        'id': str(number),
        'type': 'rectanglelabels',
        'from_name': 'label',
        'to_name': 'image',
        'original_width': width,
        'original_height': height,
        'image_rotation': 0,
        'score': result['score'],
        'value': {
            'x': 100 * x1 / width,
            'y': 100 * y1 / height,
            'width': 100 * (x2 - x1) / width,
            'height': 100 * (y2 - y1) / height,
            'rotation': 0,
            'rectanglelabels': [result['label']],
        },
    }


#: Writers by the name of the tool or format.
PRE_LABELS: dict[str, Callable[[Path, Sequence[PreLabelledImage], Sequence[str]], None]] = {
    'labelme': _write_labelme,
    'coco': _write_coco,
    'label-studio': _write_label_studio,
}
