"""Results of an inferencer as files and in windows."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from mmengine.visualization import Visualizer

from mmvrec.apis.records import Image
from mmvrec.utils.files import atomic_write
from mmvrec.utils.images import read_image
from mmvrec.visualization.predictions import draw_predictions


def as_json(results: Sequence[dict]) -> list[dict]:
    """Results of one image, in types that JSON has."""
    return [{**one, 'view_boxes': one['view_boxes'].tolist()} for one in results]


def write_results(
    out_dir: str | Path,
    images: Sequence[Image],
    records: Sequence[list[dict]],
    results: Sequence[list[dict]],
    classes: Sequence[str],
) -> None:
    """Write ``vis/<image>.png`` and ``preds/<image>.json`` of every image.

    Args:
        out_dir (str | Path): folder to write to, as MMDetection's inferencer lays it out.
        images (Sequence[Image]): files or RGB arrays. Images of one name are told apart by a
            number.
        records (Sequence[list[dict]]): of the instances of every image.
        results (Sequence[list[dict]]): of the instances of every image.
        classes (Sequence[str]): all class names.
    """
    for name, image, own, found in zip(_names(images), images, records, results, strict=True):
        picture = draw_predictions(_pixels(image), own, found, classes)
        with atomic_write(Path(out_dir, 'vis', f'{name}.png')) as temporary:
            cv2.imwrite(str(temporary), picture[..., ::-1])
        with atomic_write(Path(out_dir, 'preds', f'{name}.json')) as temporary:
            temporary.write_text(json.dumps(as_json(found), indent=1), encoding='utf-8')


def show_results(
    images: Sequence[Image],
    records: Sequence[list[dict]],
    results: Sequence[list[dict]],
    classes: Sequence[str],
) -> None:
    """Show every image in a window that waits for a key; arguments as of :func:`write_results`."""
    visualizer = Visualizer()
    for name, image, own, found in zip(_names(images), images, records, results, strict=True):
        picture = draw_predictions(_pixels(image), own, found, classes)
        visualizer.show(picture, win_name=name, wait_time=0)


def _pixels(image: Image) -> np.ndarray:
    if not isinstance(image, np.ndarray):
        return read_image(image)
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def _names(images: Sequence[Image]) -> list[str]:
    """Stems of the images, numbered where several have the same or none."""
    stems = ['array' if isinstance(image, np.ndarray) else Path(image).stem for image in images]
    repeated = {stem for stem, number in Counter(stems).items() if number > 1} | {'array'}
    width = len(str(len(images) - 1))
    return [
        f'{stem}_{index:0{width}d}' if stem in repeated else stem
        for index, stem in enumerate(stems)
    ]
