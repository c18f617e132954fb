"""Recall per class and notes on figures, for report pages."""

from collections.abc import Sequence

import numpy as np

from mmvrec.visualization.fonts import lettering


def recalls(
    labels: Sequence[int], predictions: Sequence[int], names: Sequence[str], episodes: int = 1
) -> list[tuple[str, int, float]]:
    """Compute class, queries per episode and recall in percent, of classes with queries."""
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    rows = []
    for index, name in enumerate(names):
        answers = predictions[labels == index]
        if len(answers):
            rows.append((name, len(answers) // episodes, 100 * float((answers == index).mean())))
    return rows


def figure_notes(names: Sequence[str]) -> list[str]:
    """Say what numbers of classes in figures mean, where no font has the names' characters."""
    legend = lettering(names).legend
    return [f'In the figures {legend}.'] if legend else []
