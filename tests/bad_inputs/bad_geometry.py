"""Boxes, polygons and masks that are none."""

import math
from pathlib import Path

import dataset_layouts as layouts
from bad_files import yolo
from bad_images import labelme_file, load
from bad_input import BadInput, Prepare

from mmvrec.datasets import CocoDefects, CsvDefects, PascalVOC

PIXELS = layouts.HEIGHT * layouts.WIDTH
DRAW_AGAIN = 'draw it again'
WITHIN = 'draw it within the image'


def coco(**changes) -> Prepare:
    """A COCO file whose second annotation has other entries."""

    def prepare(root: Path):
        layouts.write_coco(root)
        content = layouts.coco_content()
        content['annotations'][1].update(changes)
        layouts.write_json(root / 'annotations.json', content)
        return lambda: load(CocoDefects(str(root)))

    return prepare


def coco_rle(counts, size=(layouts.HEIGHT, layouts.WIDTH)) -> Prepare:
    return coco(segmentation={'size': list(size), 'counts': counts})


def coco_size(**changes) -> Prepare:
    def prepare(root: Path):
        layouts.write_coco(root)
        content = layouts.coco_content()
        content['images'][0].update(changes)
        layouts.write_json(root / 'annotations.json', content)
        return lambda: load(CocoDefects(str(root)))

    return prepare


def labelme(points, kind='polygon') -> Prepare:
    return labelme_file({'points': points, 'shape_type': kind})


def voc(*box, **size) -> Prepare:
    def prepare(root: Path):
        layouts.write_voc(root)
        text = layouts.xml_text(('dent', 1, 1, 9, 9), ('dent', *box), **size)
        layouts.write_text(root / 'Annotations' / '0.xml', text)
        return lambda: load(PascalVOC(str(root)))

    return prepare


def voc_object(geometry: str) -> Prepare:
    def prepare(root: Path):
        layouts.write_voc(root)
        text = layouts.xml_text(('dent', 1, 1, 9, 9))
        end = f'<object><name>dent</name>{geometry}</object></annotation>'
        path = root / 'Annotations' / '0.xml'
        layouts.write_text(path, text.replace('</annotation>', end))
        return lambda: load(PascalVOC(str(root)))

    return prepare


def csv(**changes) -> Prepare:
    def prepare(root: Path):
        layouts.write_csv_defects(root)
        rows = layouts.csv_rows()
        rows = [{**row, 'imageHeight': '', 'imageWidth': ''} for row in rows]
        rows[0].update(changes)
        layouts.write_csv(root / 'annotations.csv', rows)
        return lambda: load(CsvDefects(str(root)))

    return prepare


def line(text: str) -> Prepare:
    return yolo(text, 'labels/train/0.txt')


COCO = ('annotations.json, annotation 2',)
COCO_RECORD = ('annotations.json, 0.png#2',)
LABELME = ('a.json, a.png#2',)
VOC = ('0.xml, 0#1',)
CSV = ('annotations.csv, 0.png#0',)
YOLO = ('labels/train/0.txt, images/train/0.png#0',)

CASES = [
    BadInput(
        'NaN in a box',
        'bbox must be the numbers [x, y, width, height], got [nan, 2, 3, 4]',
        DRAW_AGAIN,
        coco(bbox=[math.nan, 2, 3, 4]),
        COCO,
    ),
    BadInput(
        'an infinite coordinate',
        'a point is not a pair of finite numbers',
        DRAW_AGAIN,
        labelme([[1, 1], [5, math.inf], [3, 4]]),
        LABELME,
    ),
    BadInput(
        'an integer of 400 digits in a box',
        'bbox must be the numbers [x, y, width, height]',
        DRAW_AGAIN,
        coco(bbox=[10**400, 2, 3, 4]),
        COCO,
    ),
    BadInput(
        'an integer of 400 digits in a polygon',
        'a point is not a pair of finite numbers',
        DRAW_AGAIN,
        labelme([[1, 1], [5, 10**400], [3, 4]]),
        LABELME,
    ),
    BadInput(
        'numbers in quotes in a box',
        "bbox must be the numbers [x, y, width, height], got ['1', '2', '3', '4']",
        'write numbers without quotes',
        coco(bbox=['1', '2', '3', '4']),
        COCO,
    ),
    BadInput(
        'numbers in quotes in a polygon',
        'a point is not a pair of finite numbers',
        'write numbers without quotes',
        labelme([['1', '1'], ['5', '1'], ['5', '5']]),
        LABELME,
    ),
    BadInput(
        'decimal commas',
        "row 2: x1 is not a number: '1,5'",
        'write a point for the comma',
        csv(x1='1,5'),
        CSV,
    ),
    BadInput(
        'a negative coordinate',
        'the box leaves the image of 64 x 48 pixels (width x height): it reaches from [-2.0, 1.0]',
        WITHIN,
        voc(-2, 1, 9, 9),
        VOC,
    ),
    BadInput(
        'a box outside its image',
        'the box leaves the image of 64 x 48 pixels … to [66.0, 6.0]',
        WITHIN,
        coco(bbox=[60, 2, 6, 4]),
        COCO_RECORD,
    ),
    BadInput(
        'a polygon in the rounding beside its image',
        'the polygon lies beside the image of 64 x 48 pixels',
        WITHIN,
        coco(segmentation=[[64, 1, 64.5, 9, 65, 3]]),
        COCO,
    ),
    BadInput(
        'a polygon far outside its image',
        'leaves the image of 64 x 48 pixels … to [1e+30, 5.0]',
        WITHIN,
        labelme([[1, 1], [1e30, 5], [3, 4]]),
        LABELME,
    ),
    BadInput(
        'corners in the wrong order',
        'the box [9.0, 1.0, 1.0, 9.0] (x1, y1, x2, y2) has negative size',
        'write the upper left corner first',
        voc(9, 1, 1, 9),
        VOC,
    ),
    BadInput(
        'a box without area (and without mask)',
        'the box [9.0, 2.0, 9.0, 6.0] (x1, y1, x2, y2) has no area',
        DRAW_AGAIN,
        coco(bbox=[9, 2, 0, 4], segmentation=None),
        COCO_RECORD,
    ),
    BadInput(
        'neither box nor mask',
        'it has neither a bbox nor a segmentation',
        DRAW_AGAIN,
        coco(bbox=None, segmentation=[]),
        COCO,
    ),
    BadInput(
        'a polygon of two points',
        'a polygon needs at least 3 points, got 2',
        DRAW_AGAIN,
        labelme([[1, 1], [5, 5]]),
        LABELME,
    ),
    BadInput(
        'a polygon that covers no pixel',
        'the segmentation covers no pixel',
        DRAW_AGAIN,
        coco(segmentation=[[1, 1, 2, 1, 3, 1]]),
        COCO,
    ),
    BadInput(
        'an RLE mask for another size',
        'the RLE has size [5, 5], its image [48, 64]',
        'export it again',
        coco_rle([0, 25], [5, 5]),
        COCO,
    ),
    BadInput(
        'an RLE mask that is cut off',
        f'the RLE is invalid: its runs add up to 50 of {PIXELS} pixels',
        'export it again',
        coco_rle([0, 50]),
        COCO,
    ),
    BadInput(
        'an RLE mask without foreground',
        'the segmentation covers no pixel',
        DRAW_AGAIN,
        coco_rle([PIXELS]),
        COCO,
    ),
    BadInput(
        'an RLE mask with a number without end',
        'the RLE is invalid: run 0 is longer than any image',
        'export it again',
        coco_rle('o' * 1_000_000),
        COCO,
    ),
    BadInput(
        'a turned box of CVAT that leaves its image',
        'the polygon leaves the image of 64 x 48 pixels',
        WITHIN,
        coco(bbox=[0, 0, 20, 40], segmentation=[], attributes={'rotation': 30}),
        COCO,
    ),
    BadInput(
        'a point or a line in LabelMe',
        "shape_type 'line' has no area; draw a polygon, rectangle, circle or mask",
        'draw an area',
        labelme([[1, 1], [5, 5]], 'line'),
        LABELME,
    ),
    BadInput(
        'a circle around a place outside the image',
        'its centre leaves the image of 64 x 48 pixels',
        WITHIN,
        labelme([[90, 9], [95, 9]], 'circle'),
        LABELME,
    ),
    BadInput(
        'an image of declared size 0 (COCO)',
        'image 0.png needs an integer height and width, or none, got (0, 64)',
        'write the true size, or leave both out',
        coco_size(height=0),
        ('annotations.json, annotation 0',),
    ),
    BadInput(
        'an image of declared size 0 (CSV)',
        'row 2: the image size 48 x 0 is not two positive integers',
        'write the true size, or leave both fields empty',
        csv(imageHeight=48, imageWidth=0),
        CSV,
    ),
    BadInput(
        'an image of declared size 10^9 (CSV)',
        'row 2: the image size 1e+09 x 1e+09 is more than images can have',
        'write the true size, or leave both fields empty',
        csv(imageHeight=10**9, imageWidth=10**9),
        CSV,
    ),
    BadInput(
        'an image of a declared size that no image has',
        'image 0.png needs an integer height and width, or none',
        'write the true size',
        coco_size(height=10**30),
        ('annotations.json, annotation 0',),
    ),
    BadInput(
        'pixels in a YOLO file',
        'coordinates must be shares of the image, 0 to 1: 0 32 24 10 10',
        'divide by width and height',
        line('0 32 24 10 10'),
        YOLO,
    ),
    BadInput(
        'predictions of YOLO in the place of annotations',
        'expected 4 numbers of a box, or 6 or more, in pairs, of a polygon, got 5',
        'leave the confidence out, and have a look at the boxes',
        line('0 .5 .5 .2 .2 .9'),
        YOLO,
    ),
    BadInput(
        'decimal commas in a YOLO file',
        'expected a class index and numbers; separate them by blanks, and write decimal points: ',
        'write a point for the comma',
        line('0 0,5 0,5 0,2 0,2'),
        YOLO,
    ),
    BadInput(
        'a box turned by degrees (VOC)',
        '<robndbox> needs a positive w and h, and an angle in radians, got [20.0, 10.0, 90.0]',
        'write radians',
        voc_object(
            '<robndbox><cx>30</cx><cy>20</cy><w>20</w><h>10</h><angle>90</angle></robndbox>'
        ),
        VOC,
    ),
    BadInput(
        'an object without box or polygon (VOC)',
        'the <object> has no <bndbox>, <polygon> or <robndbox>',
        DRAW_AGAIN,
        voc_object(''),
        VOC,
    ),
]
