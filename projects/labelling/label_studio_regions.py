"""Regions of Label Studio, and the files that its tasks name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from xml.etree.ElementTree import ParseError

import cv2
import numpy as np
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from mmvrec.datasets.formats.label_studio import UPLOADED, image_name, read_region
from mmvrec.structures import decode_mask
from projects.labelling.brush_rle import decode_brush, encode_brush
from projects.labelling.outlines import outlines

_KINDS = ('RectangleLabels', 'PolygonLabels', 'BrushLabels')
_ASIDE = ('relation', 'choices', 'rating', 'textarea')
_MAX_REGIONS = 1000


@dataclass(frozen=True)
class LabelConfig:
    """What a labelling interface has for regions of an image.

    Args:
        kind (str): type of a region, such as ``rectanglelabels``.
        from_name (str): name of the tag with the labels.
        to_name (str): name of the tag with the image.
        data_key (str): entry of a task's data that names the image.
    """

    kind: str
    from_name: str
    to_name: str
    data_key: str

    @classmethod
    def read(cls, text: object) -> 'LabelConfig':
        """Read the interface; its first tag of a known kind counts.

        Raises:
            ValueError: no XML, or no rectangles, polygons or brushes on an image.
        """
        try:
            root = ElementTree.fromstring(text)
        except (ParseError, DefusedXmlException, TypeError, ValueError) as error:
            raise ValueError(f'the labelling interface is no usable XML: {error!r}') from error
        images = {one.get('name'): one.get('value', '') for one in root.iter('Image')}
        for tag in root.iter():
            to_name = tag.get('toName')
            if tag.tag in _KINDS and tag.get('name') and re.match(r'\$\w', images.get(to_name, '')):
                return cls(tag.tag.lower(), tag.get('name'), to_name, images[to_name][1:])
        raise ValueError(f'the labelling interface has none of {_KINDS} on an Image')

    def region(self, number: int, record: dict, answer: dict) -> dict:
        """The region of a prediction.

        Args:
            number (int): of the region, for its id.
            record (dict): the instance, in pixels.
            answer (dict): its result.
        """
        height, width = record['img_shape']
        mask = decode_mask(record['mask'], record['bbox'], height, width) > 0
        shape = {
            'rectanglelabels': _rectangle,
            'polygonlabels': _polygon,
            'brushlabels': _brush,
        }[self.kind]
        return {
            'id': f'mmvrec{number}',
            'type': self.kind,
            'from_name': self.from_name,
            'to_name': self.to_name,
            'original_width': width,
            'original_height': height,
            'image_rotation': 0,
            'score': answer['score'],
            'value': {**shape(mask), self.kind: [answer['label']]},
        }


def _rectangle(mask: np.ndarray) -> dict:
    height, width = mask.shape
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    sides = {'width': 100 * w / width, 'height': 100 * h / height}
    return {'x': 100 * x / width, 'y': 100 * y / height, **sides, 'rotation': 0}


def _polygon(mask: np.ndarray) -> dict:
    """The largest part of a mask; a polygon of Label Studio is one piece."""
    height, width = mask.shape
    points = max(outlines(mask), key=lambda part: cv2.contourArea(part.astype(np.float32)))
    return {'points': (100 * points / [width, height]).tolist(), 'closed': True}


def _brush(mask: np.ndarray) -> dict:
    return {'format': 'rle', 'rle': encode_brush(mask)}


def file_of_task(task: object, data_key: str | None, folder: Path) -> Path:
    """Find the image of a task below a folder, by the last part of its address or its path in it.

    Args:
        task (object): of a request.
        data_key (str, optional): entry of its data; None: the first that names an image.
        folder (Path): resolved.

    Raises:
        ValueError: its data name no image, or none that is below the folder.
    """
    data = task.get('data') if isinstance(task, dict) else None
    if not isinstance(data, dict):
        raise ValueError(f'a task must have data, got {short(task)}')
    name = image_name(data if data_key is None else {data_key: data.get(data_key)})
    for candidate in (name, UPLOADED.sub('', name)):
        path = (folder / candidate).resolve()
        if path.is_relative_to(folder) and path.is_file():
            return path
    raise ValueError(f'there is no image {short(name)} in the folder of the backend')


def regions_of_task(task: dict) -> list:
    """Regions of the first annotation of a task that is not cancelled; none where there is none."""
    entries = task.get('annotations')
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and not entry.get('was_cancelled'):
            return entry['result'] if isinstance(entry.get('result'), list) else []
    return []


def instances_of(regions: Sequence, height: int, width: int) -> dict:
    """Instances of an image as :func:`mmvrec.apis.instances.image_instances` takes them.

    Args:
        regions (Sequence): of Label Studio: rectangles, polygons and brushes with one label; what
            belongs to no region (relations, choices, texts) is left aside.
        height (int): of the image, pixels.
        width (int): of the image, pixels.

    Returns:
        dict: ``bboxes`` (N, 4), or where one has a mask ``masks``, bool, (N, H, W); and ``labels``.

    Raises:
        ValueError: a region is of another kind, or broken.
    """
    if len(regions) > _MAX_REGIONS:
        raise ValueError(f'{len(regions)} regions, at most {_MAX_REGIONS} are taken')
    read = []
    for number, region in enumerate(regions):
        try:
            if region.get('type') not in _ASIDE:
                read.append(_read(region, height, width))
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f'region {number}: {error}') from error
    labels = [one['label_name'] for one in read]
    if all(one['mask'] is None for one in read):
        return {'bboxes': np.array([one['bbox'] for one in read]).reshape(-1, 4), 'labels': labels}
    masks = [
        one['mask']
        if isinstance(one['mask'], np.ndarray)
        else decode_mask(one['mask'], one['bbox'], height, width) > 0
        for one in read
    ]
    return {'masks': np.stack(masks), 'labels': labels}


def _read(region: dict, height: int, width: int) -> dict:
    if region.get('type') != 'brushlabels':
        return read_region({**region, 'original_height': height, 'original_width': width})
    value = region.get('value')
    labels = value.get('brushlabels')
    if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
        raise ValueError(f'a region needs one label, got {short(labels)}')
    mask = decode_brush(value.get('rle'), height, width)
    if not mask.any():
        raise ValueError('a brush has no pixel')
    return {'label_name': labels[0].strip(), 'bbox': None, 'mask': mask}
