"""What pages tell of a fitted head on labelled queries."""

from collections.abc import Sequence

import numpy as np

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
