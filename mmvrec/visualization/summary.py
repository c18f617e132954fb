"""What pages tell of a fitted head on labelled queries."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from mmvrec.visualization.figures import Embedding, draw_embeddings
from mmvrec.visualization.fonts import lettering


def recalls(
    labels: Sequence[int], predictions: Sequence[int], names: Sequence[str], episodes: int = 1
) -> list[tuple[str, int, float]]:
    """Class, queries per episode and recall in percent, of the classes that have queries."""
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    found = []
    for index, name in enumerate(names):
        own = predictions[labels == index]
        if len(own):
            found.append((name, len(own) // episodes, 100 * float((own == index).mean())))
    return found


def figure_notes(names: Sequence[str]) -> list[str]:
    """What the numbers of classes in figures mean, where no font has the names' characters."""
    legend = lettering(names).legend
    return [f'In the figures {legend}.'] if legend else []


@torch.no_grad()
def embedded(head, feats: Tensor) -> Tensor:
    """Mean features as a head compares them, (M, V, C) to (M, C), on the CPU."""
    device = next(head.parameters()).device
    return head.embed(head.select_views(feats).mean(1).to(device)).cpu()


def embedding_figure(
    head,
    support: tuple[Tensor, Sequence[int]],
    queries: tuple[Tensor, Sequence[int]],
    right: Sequence[bool],
    names: Sequence[str],
) -> Figure:
    """t-SNE of mean features, and of the projected ones where the head projects.

    Args:
        head (FewShotHead): fitted.
        support (tuple): view features (M, V, C) and class indices; M may be 0.
        queries (tuple): view features (B, V, C) and class indices.
        right (Sequence[bool]): whether each query was answered rightly.
        names (Sequence[str]): class names.

    Returns:
        Figure: a panel each.
    """
    feats = support[0], queries[0]
    raw = [head.select_views(part).mean(1) for part in feats]
    own = [embedded(head, part) for part in feats]
    panels = [Embedding('features', *raw)]
    if not all(map(torch.equal, raw, own)):
        panels = [Embedding('before fine-tuning', *raw), Embedding('after fine-tuning', *own)]
    return draw_embeddings(panels, support[1], queries[1], right, names)
