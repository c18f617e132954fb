"""An image with its instances and what they were taken for."""

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
    scale = _enlargement(*image.shape[:2])
    canvas = Visualizer()
    picture = _with_outlines(image, scale, records, results, classes)
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
        y, alignment = _text_place(y1, y2, height, room=2 * size)
        # Towards the middle of the image.
        to_left = x1 + x2 > width
        canvas.draw_texts(
            f'unknown ({text})' if result['unknown'] else text,
            np.array([x2 if to_left else x1, y]),
            font_sizes=size,
            font_properties=letters.font.for_matplotlib(),
            colors='white',
            vertical_alignments=alignment,
            horizontal_alignments='right' if to_left else 'left',
            bboxes={'facecolor': np.array(colour) / 255, 'alpha': 0.8, 'pad': 1, 'linewidth': 0},
        )
    return canvas.get_image()


def _enlargement(height: int, width: int) -> int:
    most = min(_MAX_SCALE, _LONG_SIDE // max(height, width))
    return max(1, min(round(_SHORT_SIDE / min(height, width)), most))


def _text_place(y1: float, y2: float, height: int, room: float) -> tuple[float, str]:
    """Above the box; else below it; else within it, at its top: position and alignment."""
    if y1 > room:
        return y1, 'bottom'
    return (y2, 'top') if y2 < height - room else (y1, 'top')


def _with_outlines(image, scale, records, results, classes) -> np.ndarray:
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
