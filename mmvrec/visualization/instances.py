"""Pictures of instances, taken from their views."""

import cv2
import numpy as np
import torch
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
    """Draw an outline around its mask, at a distance that leaves the defect to be seen, on a view.

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
        draw_outline(image, pixels[..., 3] > 127, margin=max(2, side // 32))
    return image


def widest_view(
    image: np.ndarray, mask: np.ndarray, view_boxes: np.ndarray, bbox: list[float], side: int
) -> np.ndarray:
    """Draw the widest central view of an instance as :func:`outlined_views` does, from its image.

    Args:
        image (np.ndarray): uint8, RGB, (H, W, 3).
        mask (np.ndarray): uint8, 0 or 255, (H, W).
        view_boxes (np.ndarray): the crops in image pixels, (V, 4); what lies outside is black.
        bbox (list[float]): x1, y1, x2, y2 of the instance.
        side (int): side of the picture in pixels.

    Returns:
        np.ndarray: uint8 RGB, (side, side, 3).
    """
    chosen = central_views(view_boxes, np.asarray(bbox))[0]
    x1, y1, x2, y2 = (round(value) for value in np.asarray(view_boxes)[chosen].tolist())
    height, width = mask.shape
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    view = np.zeros((4, y2 - y1, x2 - x1), np.uint8)
    inside = np.s_[:, top - y1 : bottom - y1, left - x1 : right - x1]
    view[inside] = np.dstack([image, mask])[top:bottom, left:right].transpose(2, 0, 1)
    return outlined(torch.from_numpy(view), side)


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
