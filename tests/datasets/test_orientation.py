"""EXIF orientation through every format: annotations of upright and of stored pixels are one."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import dataset_layouts as layouts
import numpy as np
import pytest
from dataset_battery import ids_of, records_of
from PIL import Image
from pycocotools import mask as coco_mask

from mmvrec.apis.instance_files import read_instances
from mmvrec.datasets import (
    ClassFolders,
    CocoDefects,
    CsvDefects,
    LabelMeDefects,
    MaskFolders,
    PascalVOC,
    YoloDefects,
)
from mmvrec.datasets.transforms import LoadDefectImage, LoadInstanceMask
from mmvrec.structures import decode_mask, mask_bbox, turn_box, turn_points
from mmvrec.utils.images import turn_pixels

SHAPE = (layouts.HEIGHT, layouts.WIDTH)
PIXELS = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8)
BOX = [10.0, 8.0, 30.0, 20.0]
POLYGON = [[2.5, 3.0], [40.0, 5.0], [33.0, 31.5], [12.0, 40.0]]
#: What turns an upright image into the stored one of an orientation.
INVERSE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def blob() -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[5:20, 7:12] = mask[15:18, 12:50] = 255
    return mask


@dataclass
class Counted:
    """Upright geometry, as an annotation has it that counts the pixels turned by ``turn``."""

    turn: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        return SHAPE[::-1] if self.turn >= 5 else SHAPE

    def box(self) -> list[float]:
        return turn_box(BOX, self.shape, self.turn)

    def polygon(self) -> list[list[float]]:
        return turn_points(np.array(POLYGON), self.shape, self.turn).tolist()

    def mask(self) -> np.ndarray:
        return turn_pixels(blob(), self.turn)


def write_photo(path: Path, orientation: int) -> None:
    """A lossless file whose upright pixels are ``PIXELS``."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(turn_pixels(PIXELS, INVERSE[orientation])).save(path, exif=exif)


def write_coco(root: Path, counted: Counted, orientation: int) -> CocoDefects:
    write_photo(root / 'images' / 'a.png', orientation)
    height, width = counted.shape
    rle = coco_mask.encode(np.asfortranarray(counted.mask()))
    x1, y1, x2, y2 = counted.box()
    # Corners of whole pixels: pycocotools draws slanted outlines differently when they are turned.
    corners = [x1, y1, x2, y1, x2, y2, x1, y2]
    box = [x1, y1, x2 - x1, y2 - y1]
    shapes = [
        {'bbox': None, 'segmentation': {'size': rle['size'], 'counts': rle['counts'].decode()}},
        {'bbox': None, 'segmentation': [corners]},
        {'bbox': box, 'segmentation': None},
    ]
    content = {
        'images': [{'id': 1, 'file_name': 'a.png', 'height': height, 'width': width}],
        'annotations': [
            {'id': k, 'image_id': 1, 'category_id': 1, **shape} for k, shape in enumerate(shapes)
        ],
        'categories': [{'id': 1, 'name': 'dent'}],
    }
    layouts.write_json(root / 'annotations.json', content)
    return CocoDefects(str(root))


def write_labelme(root: Path, counted: Counted, orientation: int) -> LabelMeDefects:
    write_photo(root / 'a.png', orientation)
    height, width = counted.shape
    x1, y1, x2, y2 = counted.box()
    left, top, right, bottom = map(int, mask_bbox(counted.mask()))
    crop = cv2.imencode('.png', counted.mask()[top:bottom, left:right])[1].tobytes()
    rectangle = {'shape_type': 'rectangle', 'points': [[x1, y1], [x2, y2]]}
    shapes = [
        {'shape_type': 'polygon', 'points': counted.polygon()},
        rectangle,
        {
            'shape_type': 'mask',
            'points': [[left, top], [right - 1, bottom - 1]],
            'mask': base64.b64encode(crop).decode(),
        },
    ]
    content = {
        'imagePath': 'a.png',
        'imageHeight': height,
        'imageWidth': width,
        'shapes': [{'label': 'dent', **shape} for shape in shapes],
    }
    layouts.write_json(root / 'a.json', content)
    return LabelMeDefects(str(root))


def write_voc(root: Path, counted: Counted, orientation: int) -> PascalVOC:
    write_photo(root / 'JPEGImages' / 'a.png', orientation)
    height, width = counted.shape
    text = layouts.xml_text(('dent', *counted.box()), height=height, width=width)
    layouts.write_text(root / 'Annotations' / 'a.xml', text)
    return PascalVOC(str(root))


def write_csv(root: Path, counted: Counted, orientation: int) -> CsvDefects:
    write_photo(root / 'images' / 'a.png', orientation)
    box = dict(zip(('x1', 'y1', 'x2', 'y2'), counted.box(), strict=True))
    size = dict(zip(('imageHeight', 'imageWidth'), counted.shape, strict=True))
    row = {'img_rel_path': 'a.png', 'label': 'dent', **box, **size}
    rows = [{**row, 'points': json.dumps(counted.polygon())}, {**row, 'points': ''}]
    layouts.write_csv(root / 'annotations.csv', rows)
    return CsvDefects(str(root))


def write_mask_folders(root: Path, counted: Counted, orientation: int) -> MaskFolders:
    write_photo(root / 'nut' / 'test' / 'dent' / 'a.png', orientation)
    path = root / 'nut' / 'ground_truth' / 'dent' / 'a_mask.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), counted.mask())
    return MaskFolders(str(root))


def write_yolo(root: Path, counted: Counted, orientation: int) -> YoloDefects:
    write_photo(root / 'images' / 'a.png', orientation)
    x1, y1, x2, y2 = counted.box()
    layouts.write_text(root / 'data.yaml', 'names: [dent]\n')
    lines = [layouts.shares(counted.polygon()), layouts.shares([((x1 + x2) / 2, (y1 + y2) / 2)])]
    lines[1] += ' ' + layouts.shares([(x2 - x1, y2 - y1)])
    layouts.write_text(root / 'labels' / 'a.txt', ''.join(f'0 {line}\n' for line in lines))
    return YoloDefects(str(root))


def write_class_folders(root: Path, counted: Counted, orientation: int) -> ClassFolders:
    write_photo(root / 'dent' / 'a.png', orientation)
    return ClassFolders(str(root))


#: Formats that declare a size, so that the pixels they count are known.
DECLARING = [write_coco, write_labelme, write_voc, write_csv, write_mask_folders]
ALL = [*DECLARING, write_yolo, write_class_folders]


def seen(dataset) -> list[tuple]:
    """What a dataset is to everything behind it: ids, sizes, boxes, masks, pixels."""
    dataset.pipeline.transforms = [LoadDefectImage(), LoadInstanceMask()]
    return [
        (
            record['instance_id'],
            tuple(record['img_shape']),
            record['bbox'],
            decode_mask(record['mask'], record['bbox'], *SHAPE).tobytes(),
            dataset[index]['img'].tobytes(),
            dataset[index]['instance_mask'].tobytes(),
        )
        for index, record in enumerate(records_of(dataset))
    ]


@pytest.mark.parametrize('write', ALL, ids=lambda write: write.__name__)
def test_annotations_of_upright_pixels(write, tmp_path):
    expected = seen(write(tmp_path / '1', Counted(), 1))
    assert expected[0][4] == PIXELS.tobytes()
    for orientation in range(2, 9):
        found = write(tmp_path / str(orientation), Counted(), orientation)
        assert seen(found) == expected, orientation


@pytest.mark.parametrize('write', DECLARING, ids=lambda write: write.__name__)
def test_annotations_of_stored_pixels(write, tmp_path):
    expected = seen(write(tmp_path / '1', Counted(), 1))
    for orientation in (5, 6, 7, 8):
        counted = Counted(INVERSE[orientation])
        found = write(tmp_path / str(orientation), counted, orientation)
        assert seen(found) == expected, orientation


def test_what_fits_both_is_upright(tmp_path):
    """A half turn keeps the size: nothing tells stored pixels from upright ones."""
    record = write_voc(tmp_path, Counted(INVERSE[3]), 3).get_data_info(0)
    assert record['bbox'] == turn_box(BOX, SHAPE, 3) != BOX


def test_another_size_is_refused_and_geometry_is_checked_as_it_is_written(tmp_path):
    write_voc(tmp_path, Counted(8), 6)
    path = tmp_path / 'Annotations' / 'a.xml'
    layouts.write_text(path, layouts.xml_text(('dent', *BOX), height=60, width=48))
    with pytest.raises(ValueError, match=r'of 60 x 48 pixels .*a\.png has 48 x 64; annotate'):
        PascalVOC(str(tmp_path))
    layouts.write_text(path, layouts.xml_text(('dent', 1, 2, 50, 64), height=64, width=48))
    with pytest.raises(ValueError, match=r'the box leaves the image of 48 x .* to \[50\.0, 6'):
        PascalVOC(str(tmp_path))


def test_without_looking_at_images_nothing_is_turned(tmp_path):
    write_voc(tmp_path, Counted(INVERSE[6]), 6)
    record = PascalVOC(str(tmp_path), annotations_only=True).get_data_info(0)
    assert record['bbox'] == turn_box(BOX, SHAPE[::-1], INVERSE[6])
    assert record['img_shape'] == SHAPE[::-1]


def test_a_mask_file_with_an_orientation_of_its_own(tmp_path):
    expected = seen(write_mask_folders(tmp_path / '1', Counted(), 1))
    dataset = write_mask_folders(tmp_path / '6', Counted(), 6)
    exif = Image.Exif()
    exif[0x0112] = 6
    mask = tmp_path / '6' / 'nut' / 'ground_truth' / 'dent' / 'a_mask.png'
    Image.fromarray(turn_pixels(blob(), INVERSE[6])).save(mask, exif=exif)
    assert ids_of(dataset) == [record[0] for record in expected]
    assert seen(MaskFolders(str(tmp_path / '6'))) == expected


@pytest.mark.parametrize('orientation', range(1, 9))
def test_boxes_of_a_coco_file(tmp_path, orientation):
    write_photo(tmp_path / 'a.png', orientation)
    stored = Counted(INVERSE[orientation]) if orientation >= 5 else Counted()
    for counted, sized in ((Counted(), False), (Counted(), True), (stored, True)):
        x1, y1, x2, y2 = counted.box()
        image = {'id': 1, 'file_name': 'a.png'}
        if sized:
            image |= dict(zip(('height', 'width'), counted.shape, strict=True))
        annotation = {'image_id': 1, 'bbox': [x1, y1, x2 - x1, y2 - y1]}
        content = {'images': [image], 'annotations': [annotation]}
        path = layouts.write_json(tmp_path / 'boxes.json', content)
        assert read_instances(path, [str(tmp_path / 'a.png')]) == [{'bboxes': [BOX]}]
    content['images'][0]['height'] = 9
    layouts.write_json(path, content)
    with pytest.raises(ValueError, match=r'boxes\.json: the annotation is for an image of 9 x'):
        read_instances(path, [str(tmp_path / 'a.png')])
