"""A dataset of generated photographs on disk, of the size of a real one, for measurements."""

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np

#: Shortest and longest side of an image, pixels.
SIDES = (700, 1024)


def write_image(folder: Path, index: int) -> dict:
    """Write one image, PNG and JPEG in turns, and give its size and the outline of its defect.

    Shading of 8 to 16 pixels and grain of the sensor make it as hard to compress as a photograph.
    """
    cv2.setNumThreads(0)
    rng = np.random.default_rng(index)
    height, width = (int(side) for side in rng.integers(*SIDES, 2, endpoint=True))
    coarse = rng.integers(60, 196, (height // 12, width // 12, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 3, (height, width, 1)).astype(np.float32)
    image = np.clip(image + grain, 0, 255).astype(np.uint8)
    name = f'{index:05d}.{"jpg" if index % 2 else "png"}'
    if not cv2.imwrite(str(folder / name), image):
        raise OSError(f'{folder / name} cannot be written')
    centre = rng.uniform(0.15, 0.85, 2) * (width, height)
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    outline = centre + rng.uniform(10, 80, 2) * np.stack([np.cos(turn), np.sin(turn)], 1)
    outline = np.clip(outline, 0, (width - 1, height - 1))
    return {'name': name, 'width': width, 'height': height, 'outline': outline.tolist()}


def write_set(folder: Path, count: int, workers: int) -> None:
    """Write ``count`` images with one instance each, and ``annotations.json`` as COCO has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        made = list(pool.map(partial(write_image, folder), range(count), chunksize=8))
    images, annotations = [], []
    for index, entry in enumerate(made):
        points = np.array(entry['outline'])
        low, high = points.min(0), points.max(0)
        images.append(
            {'id': index, 'file_name': entry['name'], 'width': entry['width'],
             'height': entry['height']}
        )  # fmt: skip
        annotations.append(
            {'id': index, 'image_id': index, 'category_id': index % 5,
             'bbox': [*low.tolist(), *(high - low).tolist()],
             'segmentation': [points.ravel().tolist()]}
        )  # fmt: skip
    categories = [{'id': label, 'name': f'class {label}'} for label in range(5)]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    (folder / 'annotations.json').write_text(json.dumps(content))
