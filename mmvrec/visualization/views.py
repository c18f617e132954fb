"""Pictures of the views of an instance."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes

from mmvrec.utils.files import atomic_write
from mmvrec.utils.text import literal
from mmvrec.visualization.fonts import font_for
from mmvrec.visualization.outline import plot_outline

_INCHES = 1.6
_MAX_COLUMNS = 9
_TITLE_SIZE = 9


def draw_views(
    views: torch.Tensor, view_boxes: np.ndarray, path: str | Path, title: str = ''
) -> None:
    """Draw the views of one instance with the outline of their masks.

    One row for each crop size (more where a size has over nine views), in the order of the views;
    above each view the image coordinates of its crop.

    Args:
        views (Tensor): uint8, shape (V, C, H, W), RGB, with C = 4 also the mask.
        view_boxes (np.ndarray): shape (V, 4), x1, y1, x2, y2 of the crops in image pixels.
        path (str | Path): the file to write; its suffix tells the format (``.png``).
        title (str): heading. Defaults to none.

    Raises:
        ValueError: ``views`` or ``view_boxes`` are not as described.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    _check_views(views, view_boxes)
    rows = _rows(np.asarray(view_boxes))
    columns = max(map(len, rows))
    head = 0.3 if title else 0.1
    size = (columns * _INCHES + 0.35, len(rows) * (_INCHES + 0.16) + head)
    figure = Figure(figsize=size, dpi=110)
    FigureCanvasAgg(figure)
    font = font_for(title)
    figure.suptitle(
        literal(font.drawable(title)),
        fontproperties=font.for_matplotlib(_TITLE_SIZE),
        y=1 - 0.12 / size[1],
        va='top',
    )
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes_row, row in zip(grid, rows, strict=True):
        for axes in axes_row[len(row) :]:
            axes.set_axis_off()
        for axes, index in zip(axes_row, row, strict=False):
            draw_view(axes, views[index], view_boxes[index])
        side = int(view_boxes[row[0]][2] - view_boxes[row[0]][0])
        axes_row[0].set_ylabel(f'{side} px', fontsize=8)
    figure.subplots_adjust(
        left=0.3 / size[0],
        right=1 - 0.05 / size[0],
        bottom=0.05 / size[1],
        top=1 - (head + 0.1) / size[1],
        wspace=0.04,
        hspace=0.14,
    )
    with atomic_write(path) as temporary:
        figure.savefig(temporary)


def _check_views(views: torch.Tensor, view_boxes: np.ndarray) -> None:
    if views.dtype != torch.uint8 or views.ndim != 4 or views.shape[1] not in (3, 4):
        raise ValueError(
            'views must be uint8 of shape (V, 3 or 4, H, W), '
            f'got {views.dtype} of shape {tuple(views.shape)}'
        )
    if np.shape(view_boxes) != (len(views), 4) or not len(views):
        raise ValueError(
            f'view_boxes must have shape (V, 4) for the {len(views)} views, '
            f'got {np.shape(view_boxes)}'
        )


def _rows(view_boxes: np.ndarray) -> list[range]:
    """Group the views by row: one crop size, at most ``_MAX_COLUMNS`` views."""
    sides = view_boxes[:, 2] - view_boxes[:, 0]
    starts = [0, *(np.flatnonzero(np.diff(sides)) + 1).tolist(), len(sides)]
    return [
        range(first, min(first + _MAX_COLUMNS, end))
        for start, end in pairwise(starts)
        for first in range(start, end, _MAX_COLUMNS)
    ]


def draw_view(axes: Axes, view: torch.Tensor, box: np.ndarray) -> None:
    """Draw one view with the outline of its mask, and above it the coordinates of its crop.

    Args:
        axes (Axes): drawn on.
        view (Tensor): uint8, (C, H, W), see :func:`draw_views`.
        box (np.ndarray): x1, y1, x2, y2 of the crop in image pixels, (4,).
    """
    pixels = view.permute(1, 2, 0).numpy()
    axes.imshow(pixels[..., :3])
    if pixels.shape[2] == 4:
        mask = pixels[..., 3]
        # A defect of a few pixels is faint in a large crop: its border is at half its peak.
        plot_outline(axes, mask > mask.max() / 2)
    x1, y1, x2, y2 = (int(value) for value in box)
    axes.set_title(f'x {x1}…{x2}  y {y1}…{y2}', fontsize=6, pad=2)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
