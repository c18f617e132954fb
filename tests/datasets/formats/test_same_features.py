"""The same instances have the same features, whatever format tells of them."""

import base64
from pathlib import Path

import cv2
import dataset_layouts as layouts
import numpy as np
import pytest
import torch
from dataset_battery import records_of
from engine_parts import TINY_ARCH

from mmvrec.apis.embedding import embed
from mmvrec.datasets import (
    CocoDefects,
    CsvDefects,
    HeatMaps,
    LabelMeDefects,
    MaskFolders,
    PascalVOC,
    YoloDefects,
)
from mmvrec.registry import MODELS
from mmvrec.structures import encode_mask, mask_bbox

NUMBER = 20
SIZE = {'height': layouts.HEIGHT, 'width': layouts.WIDTH}
LABELS = ['dent', 'scratch']
PIPELINE = [
    dict(type='LoadDefectImage'),
    dict(type='LoadInstanceMask'),
    dict(type='MultiViewRegionContext', scales=(24, 48), img_size=28),
    dict(type='PackViews'),
]


@pytest.fixture(scope='module')
def model():
    built = MODELS.build(
        dict(
            type='MVRECClassifier',
            backbone=dict(type='AlphaCLIP', arch=TINY_ARCH, random_seed=0),
            head=dict(type='ZipAdapterHead'),
        )
    )
    built.backbone.init_weights()
    return built


def drawn_instances() -> list[dict]:
    """One for each image: label, box of whole pixels, polygon in it and mask of the polygon."""
    rng = np.random.default_rng(0)
    found = []
    for index in range(NUMBER):
        x1, y1 = (int(rng.integers(0, side - 24)) for side in (layouts.WIDTH, layouts.HEIGHT))
        x2, y2 = (int(start + rng.integers(8, 23)) for start in (x1, y1))
        polygon = [[x1, y1], [x2, y1 + 2], [x2 - 3, y2], [x1 + 2, y2 - 1]]
        mask = np.zeros((layouts.HEIGHT, layouts.WIDTH), np.uint8)
        cv2.fillPoly(mask, [np.array(polygon)], 255)
        label = LABELS[index % 2]
        found.append(dict(label=label, box=[x1, y1, x2, y2], polygon=polygon, mask=mask))
    return found


def write_images(folder: Path) -> None:
    for index in range(NUMBER):
        layouts.write_image(folder / f'{index:02d}.png', index)


def as_coco(root: Path, kind: str):
    write_images(root / 'images')
    images, annotations = [], []
    for index, one in enumerate(drawn_instances()):
        images.append({'id': index, 'file_name': f'{index:02d}.png', **SIZE})
        x1, y1, x2, y2 = one['box'] if kind == 'box' else mask_bbox(one['mask'])
        entry = {'id': index, 'image_id': index, 'category_id': LABELS.index(one['label'])}
        entry['bbox'] = [x1, y1, x2 - x1, y2 - y1]
        if kind == 'mask':
            counts = encode_mask(one['mask'])['counts']
            entry['segmentation'] = {'size': list(SIZE.values()), 'counts': counts}
        annotations.append(entry)
    categories = [{'id': i, 'name': name} for i, name in enumerate(LABELS)]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    layouts.write_json(root / 'annotations.json', content)
    return CocoDefects(str(root))


def as_labelme(root: Path, kind: str):
    write_images(root)
    for index, one in enumerate(drawn_instances()):
        x1, y1, x2, y2 = one['box']
        shape = {'label': one['label'], 'shape_type': 'polygon', 'points': one['polygon']}
        if kind == 'box':
            shape |= {'shape_type': 'rectangle', 'points': [[x2, y1], [x1, y2]]}
        if kind == 'mask':
            crop = one['mask'][y1 : y2 + 1, x1 : x2 + 1]
            png = base64.b64encode(cv2.imencode('.png', crop)[1].tobytes()).decode()
            shape |= {'shape_type': 'mask', 'points': [[x1, y1], [x2, y2]], 'mask': png}
        content = {'imagePath': f'{index:02d}.png', 'shapes': [shape]}
        content |= {'imageHeight': layouts.HEIGHT, 'imageWidth': layouts.WIDTH}
        layouts.write_json(root / f'{index:02d}.json', content)
    return LabelMeDefects(str(root))


def as_yolo(root: Path, kind: str):
    write_images(root / 'images')
    layouts.write_text(root / 'classes.txt', '\n'.join(reversed(LABELS)))
    for index, one in enumerate(drawn_instances()):
        x1, y1, x2, y2 = one['box']
        points = one['polygon']
        if kind == 'box':
            points = [[(x1 + x2) / 2, (y1 + y2) / 2], [x2 - x1, y2 - y1]]
        line = f'{1 - LABELS.index(one["label"])} {layouts.shares(points)}'
        layouts.write_text(root / 'labels' / f'{index:02d}.txt', line)
    return YoloDefects(str(root))


def as_voc(root: Path, kind: str):
    write_images(root / 'JPEGImages')
    for index, one in enumerate(drawn_instances()):
        text = layouts.xml_text((one['label'], *one['box']))
        layouts.write_text(root / 'Annotations' / f'{index:02d}.xml', text)
    return PascalVOC(str(root))


def as_csv(root: Path, kind: str):
    write_images(root / 'images')
    rows = []
    for index, one in enumerate(drawn_instances()):
        box = dict(zip(('x1', 'y1', 'x2', 'y2'), one['box'], strict=True))
        points = str(one['polygon']) if kind == 'polygon' else ''
        name = f'{index:02d}.png'
        rows.append({'img_rel_path': name, 'label': one['label'], 'points': points, **box})
    layouts.write_csv(root / 'annotations.csv', rows)
    return CsvDefects(str(root))


def as_mask_folders(root: Path, kind: str):
    for index, one in enumerate(drawn_instances()):
        layouts.write_image(root / 'nut' / 'test' / one['label'] / f'{index:02d}.png', index)
        path = root / 'nut' / 'ground_truth' / one['label'] / f'{index:02d}_mask.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), one['mask'])
    return MaskFolders(str(root))


def as_heat_maps(root: Path, kind: str):
    for index, one in enumerate(drawn_instances()):
        place = Path('nut', 'test', one['label'], f'{index:02d}')
        layouts.write_image((root / place).with_suffix('.png'), index)
        path = (root / 'heat_maps' / place).with_suffix('.tiff')
        layouts.write_map(path, one['mask'] / np.float32(1000))
    return HeatMaps(str(root), threshold=0.2)


FORMATS = {
    'box': (as_coco, as_labelme, as_yolo, as_voc, as_csv),
    'polygon': (as_labelme, as_yolo, as_csv),
    'mask': (as_coco, as_labelme, as_mask_folders, as_heat_maps),
}


def bank_of(model, dataset) -> tuple[torch.Tensor, list[str]]:
    """Features and labels by the name of the image."""
    records = sorted(records_of(dataset), key=lambda record: Path(record['img_path']).stem)
    assert len(records) == NUMBER
    return embed(model, PIPELINE, records, 5, False).feats, [r['label_name'] for r in records]


@pytest.mark.parametrize('kind', FORMATS)
def test_banks_are_identical(model, tmp_path, kind):
    banks = [bank_of(model, write(tmp_path / write.__name__, kind)) for write in FORMATS[kind]]
    feats, labels = banks[0]
    assert labels == [one['label'] for one in drawn_instances()]
    for other, names in banks[1:]:
        assert names == labels
        assert torch.equal(other, feats)


def test_boxes_polygons_and_masks_differ(model, tmp_path):
    box, polygon, mask = (bank_of(model, as_labelme(tmp_path / kind, kind))[0] for kind in FORMATS)
    assert not torch.allclose(box, polygon, atol=1e-3)
    # The box of a mask ends one pixel later than that of its polygon, which may move a crop by one.
    assert not torch.equal(mask, polygon)
