"""Images that are missing, broken or of another kind."""

import base64
import struct
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import dataset_layouts as layouts
import numpy as np
from bad_files import to_itself
from bad_input import BadInput, Prepare
from PIL import Image

from mmvrec.datasets import ClassFolders, CocoDefects, CsvDefects, LabelMeDefects, MaskFolders
from mmvrec.datasets.transforms import LoadDefectImage, LoadInstanceMask

PIXELS = np.random.default_rng(0).integers(0, 256, (layouts.HEIGHT, layouts.WIDTH, 3), np.uint8)
COPY_AGAIN = 'copy the image again'


def load(dataset):
    """Every instance with image and mask, as all runs do."""
    dataset.pipeline.transforms = [LoadDefectImage(), LoadInstanceMask()]
    return [dataset[index] for index in range(len(dataset))]


def file_of(suffix: str, share: float = 1.0) -> bytes:
    content = cv2.imencode(suffix, PIXELS)[1].tobytes()
    return content[: int(len(content) * share)]


def png_of(height: int, width: int) -> bytes:
    """A small PNG file whose header claims another size."""
    content = bytearray(file_of('.png'))
    content[16:24] = struct.pack('>II', width, height)
    content[29:33] = struct.pack('>I', zlib.crc32(content[12:29]))
    return bytes(content)


def tiff_of(dtype: type) -> bytes:
    content = BytesIO()
    Image.fromarray(PIXELS[..., 0].astype(dtype)).save(content, 'TIFF')
    return content.getvalue()


def image(data: bytes, name: str = 'dent/0.png') -> Prepare:
    """Class folders with one image of these bytes."""

    def prepare(root: Path):
        layouts.write_class_folders(root)
        (root / name).write_bytes(data)
        return lambda: load(ClassFolders(str(root)))

    return prepare


def image_of_bits(bit_depth: int) -> Prepare:
    """A white image of 16 bits, said to have fewer."""

    def prepare(root: Path):
        layouts.write_class_folders(root)
        white = np.full((layouts.HEIGHT, layouts.WIDTH), 65535, np.uint16)
        (root / 'dent/0.png').write_bytes(cv2.imencode('.png', white)[1].tobytes())
        dataset = ClassFolders(str(root))
        dataset.pipeline.transforms = [LoadDefectImage(bit_depth=bit_depth)]
        return lambda: dataset[0]

    return prepare


def in_the_place_of_an_image(make) -> Prepare:
    def prepare(root: Path):
        layouts.write_class_folders(root)
        (root / 'dent' / '0.png').unlink()
        make(root / 'dent' / '0.png')
        return lambda: load(ClassFolders(str(root)))

    return prepare


def coco_image(**changes) -> Prepare:
    """A COCO file whose first image has another entry."""

    def prepare(root: Path):
        layouts.write_coco(root)
        content = layouts.coco_content()
        content['images'][0].update(changes)
        layouts.write_json(root / 'annotations.json', content)
        return lambda: load(CocoDefects(str(root)))

    return prepare


def csv_image(name: str) -> Prepare:
    def prepare(root: Path):
        layouts.write_csv_defects(root)
        rows = layouts.csv_rows()
        rows[3]['img_rel_path'] = name
        layouts.write_csv(root / 'annotations.csv', rows)
        return lambda: load(CsvDefects(str(root)))

    return prepare


def labelme_file(shape: dict | None = None, **changes) -> Prepare:
    """A LabelMe file beside its image, with one shape more and other entries."""

    def prepare(root: Path):
        layouts.write_image(root / 'a.png')
        content = {**layouts.labelme_content('a.png'), **changes}
        content['shapes'] += [] if shape is None else [{'label': 'dent', **shape}]
        layouts.write_json(root / 'a.json', content)
        return lambda: load(LabelMeDefects(str(root)))

    return prepare


def labelme_mask(data: bytes, **changes) -> Prepare:
    mask = base64.b64encode(data).decode()
    shape = {'shape_type': 'mask', 'points': [[3, 4], [9, 8]], 'mask': mask}
    return labelme_file(shape, **changes)


def mask_file(data: bytes | None = None, every: bool = False, value: int = 255) -> Prepare:
    """Mask folders with other masks."""

    def prepare(root: Path):
        layouts.write_mask_folders(root)
        for path in sorted((root / 'nut' / 'ground_truth').rglob('*.png'))[: None if every else 1]:
            if data is None:
                layouts.write_mask(path, (2, 2, 11, 6), value=value)
            else:
                path.write_bytes(data)
        return lambda: load(MaskFolders(str(root)))

    return prepare


FIRST = ('dent/0.png',)
BOMB = png_of(60_000, 60_000)
HALF_FLOATS = tiff_of(np.float32).replace(
    struct.pack('<HHII', 258, 3, 1, 32), struct.pack('<HHII', 258, 3, 1, 16)
)
SMALL_MASK = cv2.imencode('.png', np.full((20, 30), 255, np.uint8))[1].tobytes()

CASES = [
    BadInput(
        'something that is no image, named .png',
        'is damaged or not an image (12 bytes)',
        'remove it, or put the image there',
        image(b'not an image'),
        FIRST,
    ),
    BadInput('an empty image file', 'not an image (0 bytes)', COPY_AGAIN, image(b''), FIRST),
    BadInput(
        'a PNG that is cut off',
        'is damaged, its pixels cannot be decoded',
        COPY_AGAIN,
        image(file_of('.png', 0.5)),
        FIRST,
    ),
    BadInput(
        'a JPEG that is cut off, be it by a tenth',
        'is damaged, its pixels cannot be decoded',
        COPY_AGAIN,
        image(file_of('.jpg', 0.9), 'dent/0.jpg'),
        ('dent/0.jpg',),
    ),
    BadInput(
        'a JPEG without its last two bytes',
        'is damaged, its pixels cannot be decoded',
        COPY_AGAIN,
        image(file_of('.jpg')[:-2], 'dent/0.jpg'),
        ('dent/0.jpg',),
    ),
    BadInput(
        'a TIFF that is cut off',
        'is damaged',
        COPY_AGAIN,
        image(file_of('.tif', 0.9), 'dent/0.tif'),
        ('dent/0.tif',),
    ),
    BadInput(
        'an image of more than 178 million pixels, or one that claims them (a bomb)',
        'is not a readable image: Image size (3600000000 pixels) exceeds limit',
        'cut it into tiles',
        image(BOMB),
        FIRST,
    ),
    BadInput(
        'a TIFF of a kind that is not read',
        'is damaged or of a kind that is not read (TIFF of 16-bit floats, compression raw',
        'save it as the message says',
        image(HALF_FLOATS, 'dent/0.tif'),
        ('dent/0.tif',),
    ),
    BadInput(
        'an image with values of more bits than its `bit_depth`',
        'has values up to 65535, more than 12 bits hold',
        'set the `bit_depth` of the camera, or leave it out',
        image_of_bits(12),
        FIRST,
    ),
    BadInput(
        'a PNG of width 0',
        'is damaged',
        COPY_AGAIN,
        image(png_of(48, 0)),
        FIRST,
    ),
    BadInput(
        'an image of float pixels',
        'has float32 pixels; convert it to 8 or 16 bit integers',
        'convert it: only you know its range',
        image(tiff_of(np.float32), 'dent/0.tif'),
        ('dent/0.tif',),
    ),
    BadInput(
        'an image of 32-bit integers',
        'has int32 pixels; convert it to 8 or 16 bit integers',
        'convert it: only you know its range',
        image(tiff_of(np.int32), 'dent/0.tif'),
        ('dent/0.tif',),
    ),
    BadInput(
        'an image that is a link to itself',
        'no image at …dent/0.png',
        'make the link again',
        in_the_place_of_an_image(to_itself),
    ),
    BadInput(
        'an annotation of an image that is not there',
        'no image at …images/none.png',
        'copy the image, or mend its name',
        coco_image(file_name='none.png'),
        ('annotations.json, none.png#0',),
    ),
    BadInput(
        'a null byte in the name of an image',
        'no image at',
        'mend the name',
        coco_image(file_name='0\0.png'),
        ('annotations.json',),
    ),
    BadInput(
        'an absolute path in an annotation',
        "'/etc/secret.png' leads out of the dataset folder",
        'write paths relative to the dataset',
        coco_image(file_name='/etc/secret.png'),
        ('annotations.json, annotation 0',),
    ),
    BadInput(
        'a path that leads out of the dataset (CSV)',
        "'../../../secret.png' leads out of the dataset folder",
        'keep images in the dataset folder',
        csv_image('../../../secret.png'),
        ('annotations.csv, ../../../secret.png#0',),
    ),
    BadInput(
        'a path that leads out of the dataset (LabelMe, written under Windows)',
        "'../../secret.png' leads out of the dataset folder",
        'keep images in the dataset folder',
        labelme_file(imagePath='..\\..\\secret.png'),
        ('a.json',),
    ),
    BadInput(
        'an image that is within its LabelMe file, and nowhere else',
        'no image at …b.png; the image is within the JSON file (imageData), which is not read',
        'write it to an image file, e.g. with `labelme_export_json`',
        labelme_file(imagePath='b.png', imageData='iVBORw0K'),
        ('a.json',),
    ),
    BadInput(
        'an annotation for an image of another size',
        'the annotation is for an image of 47 x 64 pixels (height x width), but …a.png has 48 x 64',
        'annotate the image as it is, or put the right image there',
        labelme_file(imageHeight=47),
        ('a.json, a.png#0',),
    ),
    BadInput(
        'a mask that is no image',
        'is damaged or not an image (3 bytes)',
        'copy the mask again',
        mask_file(b'png'),
        ('000_mask.png, nut/dent/000',),
    ),
    BadInput(
        'a mask image that is cut off',
        'is damaged',
        'copy the mask again',
        mask_file(SMALL_MASK[:-20]),
        ('000_mask.png, nut/dent/000',),
    ),
    BadInput(
        'a mask image of another size',
        'the annotation is for an image of 20 x 30 pixels (height x width), but …has 48 x 64',
        'make the mask as large as its image',
        mask_file(SMALL_MASK),
        ('000_mask.png, nut/dent/000#0',),
    ),
    BadInput(
        'masks that are all zero (one of many is told, and left out)',
        'no usable instance in …the mask is empty: no pixel is above 127',
        'draw the masks, or lower `threshold`',
        mask_file(value=0, every=True),
        ('000_mask.png, nut/dent/000',),
    ),
    BadInput(
        'masks of values 0 and 1',
        'no usable instance in …the mask is empty: no pixel is above 127',
        'set `threshold=0`',
        mask_file(value=1, every=True),
        ('000_mask.png, nut/dent/000',),
    ),
    BadInput(
        'a mask within JSON that is no image',
        'its mask is damaged or not an image',
        'draw the mask again',
        labelme_mask(b'nothing'),
        ('a.json, a.png#2',),
    ),
    BadInput(
        'a mask within JSON that claims 3600 million pixels (a bomb)',
        'its mask is not a readable image: Image size (3600000000 pixels) exceeds limit',
        'draw the mask again',
        labelme_mask(BOMB),
        ('a.json, a.png#2',),
    ),
    BadInput(
        'a mask in an image that claims a million million pixels',
        'imageHeight and imageWidth must be positive integers, …got (1000000, 1000000)',
        'mend the size',
        labelme_mask(SMALL_MASK, imageHeight=10**6, imageWidth=10**6),
        ('a.json',),
    ),
]
