"""The review page of a day's answers."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mmvrec.apis.embedding import PICTURE_SIDE
from mmvrec.apis.records import Image, image_pixels, image_records
from mmvrec.structures import decode_mask
from mmvrec.utils.files import sha256_file
from mmvrec.visualization.crops import crop_instance
from mmvrec.visualization.instances import widest_view
from mmvrec.visualization.review import ReviewedInstance, ReviewPage

if TYPE_CHECKING:
    from mmvrec.apis.inferencer import DefectInferencer

#: Longer side of the crops in pixels, by the number of instances that are at most shown with it:
#: 2000 make a page of some 12 MB, which can still be sent by mail.
_SIDES = {300: 320, 1000: 224}
_LEAST_SIDE = 160
_OVERVIEW_SIDE = 160


def write_review(
    path: str | Path,
    inferencer: 'DefectInferencer',
    model_file: str | Path,
    images: Sequence[str],
    instances: Sequence | None,
    results: Sequence[list[dict] | Exception],
) -> None:
    """Write the page on which a person reviews answers, see :class:`ReviewPage`.

    Args:
        path (str | Path): the HTML file.
        inferencer (DefectInferencer): what has answered.
        model_file (str | Path): where it was loaded from; corrections name it by its SHA-256.
        images (Sequence[str]): the images.
        instances (Sequence, optional): the instances of each, as they were handed to the
            inferencer; None for the images themselves.
        results (Sequence[list[dict] | Exception]): of each image, its results or why there are
            none.

    Raises:
        FileNotFoundError: an image is no longer there.
        ValueError: an image cannot be read any more, or the page cannot be written.
    """
    given = [None] * len(images) if instances is None else instances
    answered = [
        (image, own, found)
        for image, own, found in zip(images, given, results, strict=True)
        if not isinstance(found, Exception)
    ]
    number = sum(len(found) for _, _, found in answered)
    side = next((side for most, side in _SIDES.items() if number <= most), _LEAST_SIDE)
    bank, pictures = inferencer.bank, inferencer.pictures.numpy()
    support = zip(bank.label_names, pictures, strict=True)
    ReviewPage(
        model=sha256_file(model_file),
        model_name=Path(model_file).name,
        date=datetime.now(),
        classes=inferencer.fitted.class_names,
        instances=[
            reviewed
            for image, own, found in answered
            for reviewed in _reviewed(image, own, found, inferencer.task, side)
        ],
        support=dict(zip(bank.ids, support, strict=True)),
        errors={
            image: str(found)
            for image, found in zip(images, results, strict=True)
            if isinstance(found, Exception)
        },
    ).write(path)


def _reviewed(
    image: Image, given: object, results: list[dict], task: str, side: int
) -> Iterator[ReviewedInstance]:
    """The instances of an image; it is read once."""
    if not results:
        return
    pixels = image_pixels(image)
    overview = _smaller(pixels)
    records = image_records(image, given, str(image), task)
    for record, result in zip(records, results, strict=True):
        box, shape = record['bbox'], pixels.shape[:2]
        mask = decode_mask(record['mask'], box, *shape)
        view = widest_view(pixels, mask, result['view_boxes'], box, PICTURE_SIDE)
        crop = crop_instance(pixels, mask, box, side)
        yield ReviewedInstance(str(image), result, crop, view, overview, shape)


def _smaller(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = min(1.0, _OVERVIEW_SIDE / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
