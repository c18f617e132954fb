"""Inputs that look bad and are read."""

import codecs
import csv
import json
from io import BytesIO, StringIO
from pathlib import Path

import cv2
import dataset_layouts as layouts
import numpy as np
from bad_images import PIXELS, load, mask_file
from bad_input import FineInput, Prepare
from dataset_battery import records_of
from PIL import Image
from small_model import fitted, small_config

from mmvrec.apis import DefectInferencer
from mmvrec.datasets import (
    ClassFolders,
    CocoDefects,
    CsvDefects,
    DeepPCB,
    LabelMeDefects,
    PascalVOC,
    YoloDefects,
)

GREY = PIXELS[..., 0]
THREE_GREY = np.repeat(GREY[..., None], 3, 2)


def rewritten(dataset, write, pattern: str, change) -> Prepare:
    """The bytes of all files of a dataset that match are changed; its records must stay."""

    def prepare(root: Path):
        write(root)
        before = records_of(dataset(str(root)))
        for path in root.glob(pattern):
            path.write_bytes(change(path.read_bytes()))

        def call():
            assert records_of(dataset(str(root))) == before

        return call

    return prepare


def with_mark(data: bytes) -> bytes:
    return codecs.BOM_UTF8 + data


def in_utf16(data: bytes) -> bytes:
    return data.decode().encode('utf-16')


def all_of(*prepares: Prepare) -> Prepare:
    def prepare(root: Path):
        calls = [one(root / str(index)) for index, one in enumerate(prepares)]
        return lambda: [call() for call in calls]

    return prepare


def read_as(expected: np.ndarray, save, name: str, tolerance: int = 0) -> Prepare:
    """An image of class folders, and the pixels that come of it."""

    def prepare(root: Path):
        layouts.write_class_folders(root)
        save(root / 'dent' / name)

        def call():
            dataset = ClassFolders(str(root))
            (found,) = [item for item in load(dataset) if item['img_path'].endswith(name)]
            assert found['img'].shape == expected.shape
            assert np.abs(found['img'].astype(int) - expected).max() <= tolerance

        return call

    return prepare


def saved_by_pillow(image: Image.Image, kind: str, **options):
    def save(path: Path):
        content = BytesIO()
        image.save(content, kind, **options)
        path.write_bytes(content.getvalue())

    return save


def by_pillow(expected, image, name, kind, tolerance=0, **options) -> Prepare:
    return read_as(expected, saved_by_pillow(image, kind, **options), name, tolerance)


def blanks_around_labels(root: Path):
    layouts.write_labelme(root)
    path = root / 'labels' / '0.json'
    path.write_text(path.read_text().replace('"dent"', '" dent "'))
    layouts.write_class_folders(root / 'folders')
    (root / 'folders' / 'dent').rename(root / 'folders' / ' dent ')

    def call():
        for dataset in (LabelMeDefects(str(root)), ClassFolders(str(root / 'folders'))):
            assert list(dataset.task_classes.values()) == [['dent', 'scratch']]

    return call


def linked_to_itself(root: Path):
    layouts.write_voc(root)
    before = records_of(PascalVOC(str(root)))
    (root / 'JPEGImages' / 'loop').symlink_to(root / 'JPEGImages')

    def call():
        assert records_of(PascalVOC(str(root))) == before

    return call


def semicolons(data: bytes) -> bytes:
    rows = csv.reader(data.decode().splitlines())
    text = StringIO()
    csv.writer(text, delimiter=';').writerows(rows)
    return text.getvalue().encode()


def over_the_border(root: Path):
    layouts.write_coco(root)
    content = layouts.coco_content()
    content['annotations'][0].update(bbox=[-0.4, 40, 20, 8.4], segmentation=[])
    layouts.write_json(root / 'annotations.json', content)

    def call():
        dataset = CocoDefects(str(root))
        assert dataset.get_data_info(0)['bbox'] == [0, 40, 19.6, 48]
        (note,) = dataset.problems
        assert note.message.startswith('1 boxes or polygons reached over the border')

    return call


def empty_segmentations(root: Path):
    layouts.write_coco(root)
    content = layouts.coco_content()
    for annotation, empty in zip(content['annotations'], ([[]], [], {}, '', None), strict=False):
        annotation['segmentation'] = empty
    layouts.write_json(root / 'annotations.json', content)

    def call():
        records = records_of(CocoDefects(str(root)))
        assert [record['mask'] is None for record in records] == [True] * 5 + [False] * 3

    return call


def without_sizes(data: bytes) -> bytes:
    content = json.loads(data)
    for image in content['images']:
        del image['width'], image['height']
    return json.dumps(content).encode()


def folders_with_names_of_files(root: Path):
    layouts.write_labelme(root)
    layouts.write_voc(root)
    layouts.write_class_folders(root / 'folders')
    places = ('labels/x.json', 'Annotations/x.xml', 'JPEGImages/x.jpg', 'folders/dent/x.png')
    for place in places:
        (root / place).mkdir()

    def call():
        assert len(LabelMeDefects(str(root))) == len(PascalVOC(str(root))) == 8
        assert len(ClassFolders(str(root / 'folders'))) == 8

    return call


def json_of_another_kind(root: Path):
    layouts.write_labelme(root)
    layouts.write_json(root / 'package.json', {'name': 'x'})

    def call():
        dataset = LabelMeDefects(str(root))
        assert len(dataset) == 8
        assert [problem.message for problem in dataset.problems] == ['not used: not a LabelMe file']

    return call


def one_empty_mask(root: Path):
    call = mask_file(value=0)(root)

    def check():
        assert len(call()) == 7

    return check


def single_pixel(root: Path):
    layouts.write_image(root / 'a.png', height=1, width=1)
    inferencer = fitted(root)

    def call():
        ((found,),) = inferencer(str(root / 'a.png'), progress=False)
        assert found['bbox'] == [0, 0, 1, 1]
        assert np.isfinite(list(found['scores'].values())).all()

    return call


def very_wide(root: Path):
    layouts.write_image(root / 'a.png', height=3, width=70_000)
    inferencer = fitted(root)

    def call():
        box = [60_000, 0, 60_010, 3]
        ((found,),) = inferencer(str(root / 'a.png'), [box], progress=False)
        assert found['bbox'] == box

    return call


def one_instance_per_class(root: Path):
    inferencer = fitted(root)

    def call():
        ((found,),) = inferencer(PIXELS, progress=False)
        assert found['unknown'] is None

    return call


def nothing_to_do(root: Path):
    inferencer = fitted(root)

    def call():
        assert inferencer([], [], progress=False) == []
        assert inferencer(PIXELS, [], progress=False) == [[]]
        assert DefectInferencer(small_config(), device='cpu').enroll([], [], []) == []

    return call


def new_folder(root: Path):
    inferencer = fitted(root)

    def call():
        inferencer.save(root / 'new' / 'folder' / 'm.safetensors')
        assert [path.name for path in (root / 'new' / 'folder').iterdir()] == ['m.safetensors']

    return call


PALETTE = Image.fromarray(PIXELS).quantize(256)
CMYK = Image.fromarray(PIXELS).convert('CMYK')

CASES = [
    FineInput(
        'a byte order mark: JSON, XML, CSV, YAML, text',
        'it is not looked at',
        all_of(
            rewritten(CocoDefects, layouts.write_coco, 'annotations.json', with_mark),
            rewritten(LabelMeDefects, layouts.write_labelme, 'labels/*.json', with_mark),
            rewritten(PascalVOC, layouts.write_voc, 'Annotations/*.xml', with_mark),
            rewritten(CsvDefects, layouts.write_csv_defects, 'annotations.csv', with_mark),
            rewritten(YoloDefects, layouts.write_yolo, 'data.yaml', with_mark),
            rewritten(YoloDefects, layouts.write_yolo, 'labels/train/*.txt', with_mark),
            rewritten(DeepPCB, layouts.write_deep_pcb, 'PCBData/*/*_not/*.txt', with_mark),
        ),
    ),
    FineInput(
        'JSON in UTF-16',
        'it is read',
        all_of(
            rewritten(CocoDefects, layouts.write_coco, 'annotations.json', in_utf16),
            rewritten(LabelMeDefects, layouts.write_labelme, 'labels/*.json', in_utf16),
        ),
    ),
    FineInput(
        'line ends of Windows',
        'they are read',
        all_of(
            *(
                rewritten(dataset, write, pattern, lambda data: data.replace(b'\n', b'\r\n'))
                for dataset, write, pattern in (
                    (YoloDefects, layouts.write_yolo, '**/*.txt'),
                    (YoloDefects, layouts.write_yolo, 'data.yaml'),
                    (DeepPCB, layouts.write_deep_pcb, 'PCBData/*/*_not/*.txt'),
                )
            )
        ),
    ),
    FineInput(
        'CSV separated by semicolons or tabs',
        'it is read',
        all_of(
            rewritten(CsvDefects, layouts.write_csv_defects, 'annotations.csv', semicolons),
            rewritten(
                CsvDefects,
                layouts.write_csv_defects,
                'annotations.csv',
                lambda data: semicolons(data).replace(b';', b'\t'),
            ),
        ),
    ),
    FineInput(
        'COCO images without height and width',
        'they are read from the image files',
        rewritten(CocoDefects, layouts.write_coco, 'annotations.json', without_sizes),
    ),
    FineInput('an empty segmentation: `[[]]`, `{}`, `""`', 'a box', empty_segmentations),
    FineInput(
        'a box that reaches over the border by up to a pixel or 1 %',
        'it is cut, and told',
        over_the_border,
    ),
    FineInput(
        'an image with the ending of another format',
        'it is read by its content',
        by_pillow(PIXELS, Image.fromarray(PIXELS), 'x.jpg', 'PNG'),
    ),
    FineInput(
        'an image with a palette',
        'its colours are read',
        by_pillow(np.asarray(PALETTE.convert('RGB')), PALETTE, 'x.png', 'PNG'),
    ),
    FineInput(
        'a CMYK image',
        'it becomes RGB, without colour profile',
        all_of(
            by_pillow(PIXELS, CMYK, 'x.tif', 'TIFF'),
            by_pillow(
                np.full_like(PIXELS, 80),
                Image.new('CMYK', PIXELS.shape[1::-1], (175, 175, 175, 0)),
                'x.jpg',
                'JPEG',
                2,
            ),
        ),
    ),
    FineInput(
        'a grey image, with or without transparency',
        'its grey is repeated over three channels',
        all_of(
            by_pillow(THREE_GREY, Image.fromarray(GREY), 'x.png', 'PNG'),
            by_pillow(THREE_GREY, Image.fromarray(np.dstack([GREY, GREY])), 'x.png', 'PNG'),
        ),
    ),
    FineInput(
        'an image of one bit',
        'it becomes black and white',
        all_of(
            *(
                by_pillow((THREE_GREY > 127) * 255, Image.fromarray(GREY > 127), name, kind)
                for name, kind in (('x.png', 'PNG'), ('x.tif', 'TIFF'), ('x.bmp', 'BMP'))
            )
        ),
    ),
    FineInput(
        'an image of 16 bits',
        'it is scaled from its full range',
        read_as(
            PIXELS,
            lambda path: cv2.imwrite(str(path), PIXELS[..., ::-1].astype(np.uint16) * 257),
            'x.png',
        ),
    ),
    FineInput(
        'an image of 16 bits of a camera of 12',
        'it is scaled from its full range, and told; `bit_depth=12` of `LoadDefectImage` mends it',
        read_as(
            PIXELS // 16,
            lambda path: cv2.imwrite(str(path), PIXELS[..., ::-1].astype(np.uint16) // 16 * 257),
            'x.png',
        ),
    ),
    FineInput(
        'a TIFF with transparency',
        'transparency is dropped, colours are as they are stored',
        by_pillow(PIXELS, Image.fromarray(np.dstack([PIXELS, PIXELS[..., 0]])), 'x.tif', 'TIFF'),
    ),
    FineInput(
        'EXIF data that are garbage',
        'the image is taken as upright',
        by_pillow(PIXELS, Image.fromarray(PIXELS), 'x.png', 'PNG', exif=b'Exif\0\0garbage'),
    ),
    FineInput('an image of one pixel', 'it is classified', single_pixel),
    FineInput('an image of 70 000 x 3 pixels', 'it is classified', very_wide),
    FineInput('blanks around a label', 'they are dropped', blanks_around_labels),
    FineInput(
        'a folder with the name of an annotation file or image',
        'it is a folder: what lies in it is read',
        folders_with_names_of_files,
    ),
    FineInput(
        'JSON of another kind among LabelMe files',
        'it is told, and not used',
        json_of_another_kind,
    ),
    FineInput(
        'an image of declared size 0 (VOC)',
        'the size is not known, and that of the image counts',
        rewritten(
            PascalVOC,
            layouts.write_voc,
            'Annotations/*.xml',
            lambda data: data.replace(b'<width>64<', b'<width>0<').replace(b'>48<', b'>0<'),
        ),
    ),
    FineInput('a folder that links to itself', 'the link is not followed', linked_to_itself),
    FineInput(
        'one empty mask among others',
        'the picture is told, and left out (MTD has such masks)',
        one_empty_mask,
    ),
    FineInput(
        'classes of one instance each',
        '`unknown` is None: there is nothing to compare with',
        one_instance_per_class,
    ),
    FineInput('no images, or an image without instances', 'no results', nothing_to_do),
    FineInput('an output in a folder that does not exist', 'the folder is made', new_folder),
]
