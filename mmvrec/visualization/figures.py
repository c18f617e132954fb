"""Figures of results: confusion matrix and embedding."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from mmvrec.visualization.fonts import lettering

#: Above so many classes the cells of a confusion matrix hold no numbers.
_MAX_NUMBERED = 15
_CELL_INCHES = 0.55
_MOST_INCHES = 60
_TEXT_SIZE = 8
_PANEL_INCHES = 4.6
# The least t-SNE can arrange.
_LEAST_POINTS = 3


def new_figure(width: float, height: float) -> Figure:
    """Make a figure of so many inches that no window manager knows of."""
    figure = Figure(figsize=(width, height), dpi=110, layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def draw_confusion(
    labels: Sequence[int], predictions: Sequence[int], class_names: Sequence[str]
) -> Figure:
    """Draw a confusion matrix: of the queries of each class (row) the shares of answers.

    Classes that are neither true nor predicted anywhere are left out.

    Args:
        labels (Sequence[int]): true class of every answer.
        predictions (Sequence[int]): predicted class of every answer.
        class_names (Sequence[str]): in label order.

    Returns:
        Figure: in percent.
    """
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    occurring = sorted({*labels, *predictions})
    numbered = len(occurring) <= _MAX_NUMBERED
    counts = confusion_matrix(labels, predictions, labels=occurring)
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(2.5 + _CELL_INCHES * len(occurring) * (1 if numbered else 0.4), _MOST_INCHES)
    letters = lettering(class_names)
    figure = new_figure(side + 0.8, side)
    axes = figure.subplots()
    names = [letters.for_matplotlib(class_names[i]) for i in occurring]
    ConfusionMatrixDisplay(shares, display_labels=names).plot(
        ax=axes,
        cmap='Blues',
        values_format='.0f',
        include_values=numbered,
        xticks_rotation='vertical',
        im_kw={'vmin': 0, 'vmax': 100},
    )
    axes.set(xlabel='predicted', ylabel='true', title='answers per true class (%)')
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set_fontproperties(letters.font.for_matplotlib(_TEXT_SIZE))
    return figure


@dataclass(frozen=True)
class Embedding:
    """Features of one task's support and queries, to be drawn as points.

    Args:
        title (str): heading.
        support (Tensor): float, (M, C).
        query (Tensor): float, (Q, C).
    """

    title: str
    support: Tensor
    query: Tensor


def draw_embeddings(
    embeddings: Sequence[Embedding],
    support_labels: Sequence[int],
    query_labels: Sequence[int],
    right: Sequence[bool],
    class_names: Sequence[str],
) -> Figure:
    """Draw t-SNE of features of length 1, support and queries together (paper, Figure 5).

    Args:
        embeddings (Sequence[Embedding]): a panel each.
        support_labels (Sequence[int]): class of every support instance; may be none.
        query_labels (Sequence[int]): true class of every query.
        right (Sequence[bool]): whether each query was answered rightly.
        class_names (Sequence[str]): in label order.

    Returns:
        Figure: support as stars, right answers as dots, wrong ones as crosses.

    Raises:
        ValueError: fewer than three instances in all.
    """
    figure = new_figure(_PANEL_INCHES * len(embeddings) + 2, _PANEL_INCHES)
    panels = figure.subplots(1, len(embeddings), squeeze=False)[0]
    labels = np.concatenate([support_labels, query_labels]).astype(int)
    groups = np.concatenate([np.full(len(support_labels), 2), np.asarray(right, int)])
    for axes, embedding in zip(panels, embeddings, strict=True):
        points = tsne(torch.cat([embedding.support, embedding.query]))
        draw_points(axes, points, labels, groups, len(class_names))
        axes.set(title=embedding.title, xticks=[], yticks=[])
    letters = lettering(class_names)
    handles = [
        _handle(panels[0], color=_colour(i), marker='s', label=letters.for_matplotlib(name))
        for i, name in enumerate(class_names)
        if i in labels
    ]
    handles += [
        _handle(panels[0], color='grey', label=text, marker=marker)
        for marker, text in zip('x.*', ('query, wrong', 'query, right', 'support'), strict=True)
    ]
    font = letters.font.for_matplotlib(_TEXT_SIZE)
    figure.legend(handles=handles, loc='outside right center', prop=font, frameon=False)
    return figure


def tsne(feats: Tensor) -> np.ndarray:
    """Arrange features of length 1 in the plane, always alike.

    Args:
        feats (Tensor): float, (P, C).

    Returns:
        np.ndarray: float, (P, 2).

    Raises:
        ValueError: fewer than three features.
    """
    from sklearn.manifold import TSNE

    if len(feats) < _LEAST_POINTS:
        raise ValueError(f't-SNE needs at least {_LEAST_POINTS} instances, got {len(feats)}')
    unit = F.normalize(feats.float(), dim=-1).cpu().numpy()
    perplexity = min(30, (len(feats) - 1) / 3)
    return TSNE(perplexity=perplexity, init='pca', random_state=0).fit_transform(unit)


def draw_points(
    axes: Axes, points: np.ndarray, labels: np.ndarray, groups: np.ndarray, num_classes: int
) -> None:
    """Draw points by class and group.

    Args:
        axes (Axes): drawn on.
        points (np.ndarray): float, (P, 2).
        labels (np.ndarray): class of every point, which gives its colour, integer, (P,).
        groups (np.ndarray): 0 for queries answered wrongly, 1 rightly, 2 for support, (P,).
        num_classes (int): N.
    """
    styles = [('x', 45, 1.6), ('o', 16, 0.0), ('*', 170, 0.8)]
    for label in range(num_classes):
        for group, (marker, size, width) in enumerate(styles):
            chosen = points[(labels == label) & (groups == group)]
            edge = {'edgecolors': 'black'} if marker == '*' else {}
            axes.scatter(
                *chosen.T, s=size, marker=marker, color=_colour(label), linewidths=width, **edge
            )


def _colour(label: int):
    from matplotlib import colormaps

    return colormaps['tab20'](label % 20 * 2 % 20 + (label % 20) // 10)


def _handle(axes, **style):
    return axes.plot([], [], linestyle='', **style)[0]
