"""A dataset of generated photos with defects, for finders."""

import json
from pathlib import Path

import cv2

from mmvrec.datasets import CocoDefects
from mmvrec.structures import encode_mask, mask_bbox
from mmvrec.synthesis import generate, image_rng

SIZE = (160, 192)
CLASSES = ('crack', 'dent')


def defect_photo(number: int):
    """Image, mask of its only defect, uint8 and bool, (H, W), and class."""
    name = CLASSES[number % 2]
    rng = image_rng(0, 'brushed_metal', name, number)
    image, mask = generate('brushed_metal', name, rng, SIZE)
    return image, mask > 0, name


def photo_folder(folder: Path, number: int) -> CocoDefects:
    """Write that many photos with their masks."""
    images, annotations = [], []
    (folder / 'images').mkdir(parents=True)
    for k in range(number):
        image, mask, name = defect_photo(k)
        cv2.imwrite(str(folder / 'images' / f'{k}.png'), image[..., ::-1])
        height, width = mask.shape
        images.append({'id': k, 'file_name': f'{k}.png', 'height': height, 'width': width})
        x1, y1, x2, y2 = mask_bbox(mask)
        annotations.append(
            {
                'id': k,
                'image_id': k,
                'category_id': CLASSES.index(name),
                'bbox': [x1, y1, x2 - x1, y2 - y1],
                'segmentation': encode_mask(mask),
            }
        )
    categories = [{'id': k, 'name': name} for k, name in enumerate(CLASSES)]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    (folder / 'annotations.json').write_text(json.dumps(content))
    return CocoDefects(str(folder))
