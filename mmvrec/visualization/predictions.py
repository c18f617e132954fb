"""Predictions drawn on an image: boxes, outlines, labels and scores."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from mmengine.visualization import Visualizer

from mmvrec.structures import decode_mask
from mmvrec.visualization.fonts import lettering
from mmvrec.visualization.outline import draw_outline

#: Colour of instances that are called unknown, RGB; no class and hardly any surface has it.
_UNKNOWN = (255, 0, 255)
_PALETTE = [
    (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189), (140, 86, 75),
    (227, 119, 194), (188, 189, 34), (23, 190, 207), (255, 187, 120), (152, 223, 138),
]  # fmt: skip
#: Text is as high as this share of the image's shorter side, within limits in points.
_TEXT_SHARE = 0.03
_TEXT_LIMITS = (7, 28)
#: Smaller images are enlarged so that their shorter side has about so many pixels, at most so much,
#: and the longer one no more than that.
_SHORT_SIDE = 480
_MAX_SCALE = 8
_LONG_SIDE = 4096


def draw_predictions(
    image: np.ndarray,
    records: Sequence[Mapping],
    results: Sequence[Mapping],
    classes: Sequence[str],
) -> np.ndarray:
    """Draw boxes, outlines of masks, labels and scores; small images are enlarged for it.

    Args:
        image (np.ndarray): uint8, RGB, (H, W, 3).
        records (Sequence[Mapping]): of the instances, with ``bbox`` and ``mask``.
        results (Sequence[Mapping]): of the same instances, with ``label``, ``score``, ``unknown``.
        classes (Sequence[str]): all class names; a class has the same colour in every image.

    Returns:
        np.ndarray: uint8, RGB, (S * H, S * W, 3) with a whole number S, 1 for images whose shorter
        side has more than 320 pixels.
    """
    sides = image.shape[:2]
    most = min(_MAX_SCALE, _LONG_SIDE // max(sides))
    scale = max(1, min(round(_SHORT_SIDE / min(sides)), most))
    canvas = Visualizer()
    picture = enlarge_and_outline(image, scale, records, results, classes)
    canvas.set_image(picture)
    size = float(np.clip(_TEXT_SHARE * min(picture.shape[:2]), *_TEXT_LIMITS))
    letters = lettering(classes)
    for record, result in zip(records, results, strict=True):
        colour = _colour(result, classes)
        height, width = picture.shape[:2]
        box = scale * np.array(record['bbox'])
        x1, y1, x2, y2 = box.clip(0, [width - 1, height - 1, width - 1, height - 1])
        if record['mask'] is None:
            canvas.draw_bboxes(np.array([[x1, y1, x2, y2]]), edge_colors=colour, line_widths=1.5)
        text = f'{letters.for_matplotlib(result["label"])} {100 * result["score"]:.0f} %'
        # Above the box; else below it; else within it, at its top.
        is_below = y1 <= 2 * size and y2 < height - 2 * size
        # Towards the middle of the image.
        to_left = x1 + x2 > width
        canvas.draw_texts(
            f'unknown ({text})' if result['unknown'] else text,
            np.array([x2 if to_left else x1, y2 if is_below else y1]),
            font_sizes=size,
            font_properties=letters.font.for_matplotlib(),
            colors='white',
            vertical_alignments='bottom' if y1 > 2 * size else 'top',
            horizontal_alignments='right' if to_left else 'left',
            bboxes={'facecolor': np.array(colour) / 255, 'alpha': 0.8, 'pad': 1, 'linewidth': 0},
        )
    return canvas.get_image()


def enlarge_and_outline(
    image: np.ndarray,
    scale: int,
    records: Sequence[Mapping],
    results: Sequence[Mapping],
    classes: Sequence[str],
) -> np.ndarray:
    """Enlarge an image ``scale`` times and outline the masks on it; see :func:`draw_predictions`.

    Returns:
        np.ndarray: uint8, RGB, (scale * H, scale * W, 3).
    """
    size = (scale * image.shape[1], scale * image.shape[0])
    drawn = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    thickness = max(1, round(min(size) / 300))
    for record, result in zip(records, results, strict=True):
        if record['mask'] is not None:
            mask = decode_mask(record['mask'], record['bbox'], *image.shape[:2])
            mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
            draw_outline(drawn, mask, _colour(result, classes), thickness)
    return drawn


def _colour(result: Mapping, classes: Sequence[str]) -> tuple[int, int, int]:
    if result['unknown']:
        return _UNKNOWN
    return _PALETTE[classes.index(result['label']) % len(_PALETTE)]
