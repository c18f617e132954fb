"""An image with its instances and what they were taken for."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from mmengine.visualization import Visualizer

from mmvrec.structures import decode_mask

#: Colour of instances that are called unknown, RGB.
_UNKNOWN = (130, 130, 130)
_PALETTE = [
    (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189), (140, 86, 75),
    (227, 119, 194), (188, 189, 34), (23, 190, 207), (255, 187, 120), (152, 223, 138),
]  # fmt: skip
#: Text is as high as this share of the image's shorter side, within limits in points.
_TEXT_SHARE = 0.03
_TEXT_LIMITS = (7, 28)


def draw_predictions(
    image: np.ndarray,
    records: Sequence[Mapping],
    results: Sequence[Mapping],
    classes: Sequence[str],
) -> np.ndarray:
    """Draw boxes, outlines of masks, labels and scores.

    Args:
        image (np.ndarray): uint8, RGB, (H, W, 3).
        records (Sequence[Mapping]): of the instances, with ``bbox`` and ``mask``.
        results (Sequence[Mapping]): of the same instances, with ``label``, ``score``, ``unknown``.
        classes (Sequence[str]): all class names; a class has the same colour in every image.

    Returns:
        np.ndarray: uint8, RGB, (H, W, 3).
    """
    canvas = Visualizer()
    canvas.set_image(_with_outlines(image, records, results, classes))
    size = float(np.clip(_TEXT_SHARE * min(image.shape[:2]), *_TEXT_LIMITS))
    for record, result in zip(records, results, strict=True):
        colour = _colour(result, classes)
        x1, y1, x2, y2 = record['bbox']
        if record['mask'] is None:
            canvas.draw_bboxes(np.array([[x1, y1, x2, y2]]), edge_colors=colour, line_widths=1.5)
        text = f'{result["label"]} {100 * result["score"]:.0f} %'
        # Above the box; below it where there is no room.
        above = y1 > 2 * size
        canvas.draw_texts(
            f'unknown ({text})' if result['unknown'] else text,
            np.array([x1, y1 if above else y2]),
            font_sizes=size,
            colors='white',
            vertical_alignments='bottom' if above else 'top',
            horizontal_alignments='right' if x1 > image.shape[1] / 2 else 'left',
            bboxes={'facecolor': np.array(colour) / 255, 'alpha': 0.8, 'pad': 1, 'linewidth': 0},
        )
    return canvas.get_image()


def _with_outlines(image, records, results, classes) -> np.ndarray:
    drawn = image.copy()
    thickness = max(1, round(min(image.shape[:2]) / 300))
    for record, result in zip(records, results, strict=True):
        if record['mask'] is not None:
            mask = decode_mask(record['mask'], record['bbox'], *image.shape[:2])
            contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(drawn, contours, -1, _colour(result, classes), thickness)
    return drawn


def _colour(result: Mapping, classes: Sequence[str]) -> tuple[int, int, int]:
    if result['unknown']:
        return _UNKNOWN
    return _PALETTE[classes.index(result['label']) % len(_PALETTE)]
