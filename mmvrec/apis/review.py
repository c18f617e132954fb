"""Review page of what an inferencer has predicted."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mmvrec.apis.embedding import PICTURE_SIDE
from mmvrec.apis.pixels import InstancePixels
from mmvrec.apis.records import image_records
from mmvrec.utils.files import sha256_file
from mmvrec.visualization.crops import crop_instance, crop_side
from mmvrec.visualization.instances import widest_view
from mmvrec.visualization.review import ReviewedInstance, ReviewPage

if TYPE_CHECKING:
    from mmvrec.apis.inferencer import DefectInferencer

#: Longer side of the picture of a whole image, pixels.
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
    bank, pixels_of = inferencer.bank, InstancePixels(inferencer.pipeline)
    support = zip(bank.label_names, inferencer.pictures.numpy(), strict=True)
    ReviewPage(
        model=sha256_file(model_file),
        model_name=Path(model_file).name,
        date=datetime.now(),
        classes=inferencer.fitted.class_names,
        instances=[
            reviewed
            for image, own, found in answered
            for reviewed in reviewed_instances(
                pixels_of,
                image_records(image, own, image, inferencer.task),
                found,
                image,
                crop_side(number),
            )
        ],
        support=dict(zip(bank.ids, support, strict=True)),
        errors={
            image: str(found)
            for image, found in zip(images, results, strict=True)
            if isinstance(found, Exception)
        },
    ).write(path)


def reviewed_instances(
    pixels_of: InstancePixels, records: list[dict], results: list[dict], image: str, side: int
) -> Iterator[ReviewedInstance]:
    """Cut the instances of an image out of it.

    Args:
        pixels_of (InstancePixels): reads images and masks.
        records (list[dict]): of the instances.
        results (list[dict]): what was answered to them.
        image (str): what the image is called on the page.
        side (int): longer side of the crops, see :func:`crop_side`.
    """
    for record, result in zip(records, results, strict=True):
        pixels, mask = pixels_of(record)
        view = widest_view(pixels, mask, result['view_boxes'], record['bbox'], PICTURE_SIDE)
        crop = crop_instance(pixels, mask, record['bbox'], side)
        yield ReviewedInstance(
            image, result, crop, view, _smaller(pixels), mask.shape, record['mask']
        )


def _smaller(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = min(1.0, _OVERVIEW_SIDE / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
