"""The outline of a mask, on pixels or in a figure."""

import cv2
import numpy as np
from matplotlib.axes import Axes

#: RGB; few surfaces have it.
OUTLINE = (255, 45, 149)
#: In figures, pixels of the view between mask and line.
_MARGIN = 3


def draw_outline(
    image: np.ndarray,
    mask: np.ndarray,
    colour: tuple[int, int, int] = OUTLINE,
    thickness: int = 1,
    margin: int = 0,
) -> None:
    """Draw the borders of a mask, those of its holes too, into an image.

    Args:
        image (np.ndarray): uint8, RGB, (H, W, 3); it is changed.
        mask (np.ndarray): bool, or numbers of which those above 0 are foreground, (H, W).
        colour (tuple[int, int, int]): RGB. Defaults to ``OUTLINE``.
        thickness (int): pixels. Defaults to 1.
        margin (int): pixels between mask and line, so that the line runs around the defect and not
            over it. Defaults to 0: the line covers the border.
    """
    contours, _ = cv2.findContours(_widened(mask, margin), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(image, contours, -1, colour, thickness, cv2.LINE_AA)


def plot_outline(axes: Axes, mask: np.ndarray) -> None:
    """Draw the borders of a mask over an image in a figure; arguments as of :func:`draw_outline`.

    The line is pink, with a shadow that sets it off from bright surfaces.
    """
    widened = _widened(mask, _MARGIN)
    if widened.min() < widened.max():
        axes.contour(widened, [0.5], colors='black', linewidths=1.5, alpha=0.4)
        axes.contour(widened, [0.5], colors=[[v / 255 for v in OUTLINE]], linewidths=0.8)


def _widened(mask: np.ndarray, margin: int) -> np.ndarray:
    side = 2 * margin + 1
    return cv2.dilate((mask > 0).astype(np.uint8), np.ones((side, side), np.uint8))
