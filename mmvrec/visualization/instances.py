"""Pictures of instances, taken from their views."""

import cv2
import numpy as np
from torch import Tensor

from mmvrec.visualization.outline import draw_outline


def central_views(view_boxes: np.ndarray, bbox: np.ndarray) -> list[int]:
    """Find the view of every size that is most central on the box, the widest first.

    Args:
        view_boxes (np.ndarray): shape (V, 4), x1, y1, x2, y2 of the crops in image pixels.
        bbox (np.ndarray): shape (4,), x1, y1, x2, y2 of the instance.

    Returns:
        list[int]: indices of views.
    """
    boxes = np.asarray(view_boxes, dtype=float)
    x1, y1, x2, y2 = bbox
    offset = np.abs(boxes[:, :2] + boxes[:, 2:] - [x1 + x2, y1 + y2]).sum(1)
    width = boxes[:, 2] - boxes[:, 0]
    order = np.lexsort((offset, -width))
    _, first = np.unique(-width[order], return_index=True)
    return order[first].tolist()


def outlined(view: Tensor, side: int) -> np.ndarray:
    """Draw the outline of its mask on a view.

    Args:
        view (Tensor): uint8, shape (C, S, S), RGB, with C = 4 also the mask.
        side (int): side of the picture in pixels.

    Returns:
        np.ndarray: uint8 RGB, (side, side, 3).
    """
    pixels = view.permute(1, 2, 0).contiguous().numpy()
    pixels = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_CUBIC)
    image = np.ascontiguousarray(pixels[..., :3])
    if pixels.shape[2] == 4:
        draw_outline(image, pixels[..., 3] > 127, thickness=2)
    return image


def outlined_views(item: dict, side: int) -> list[np.ndarray]:
    """Draw the central view of every size of an instance, the widest first.

    Args:
        item (dict): a packed item of a dataset: ``inputs`` uint8 (V, 3 or 4, S, S), and
            ``data_samples`` with ``view_boxes`` and ``bbox``.
        side (int): side of the pictures in pixels.

    Returns:
        list[np.ndarray]: uint8 RGB, (side, side, 3) each.
    """
    sample = item['data_samples']
    chosen = central_views(sample.view_boxes, sample.bbox)
    return [outlined(item['inputs'][index], side) for index in chosen]
