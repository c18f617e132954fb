"""HTML report of a run: numbers, figures, and the mistakes in pictures."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mmvrec.utils.files import atomic_write
from mmvrec.visualization.pages import write_page

_LONGEST_NAME = 40


@dataclass(frozen=True)
class Picture:
    """An instance with its caption.

    Args:
        caption (str): what is said of it.
        images (Sequence[np.ndarray]): uint8 RGB; none where there are no pixels.
    """

    caption: str
    images: Sequence[np.ndarray] = ()


@dataclass(frozen=True)
class Mistake:
    """A query that was answered wrongly.

    Args:
        query (Picture): the query; several sizes of crop.
        truth (str): its class.
        answer (str): the class that was predicted.
        confidence (float): probability of the answer, 0 to 1.
        nearest (Sequence[Picture]): the support instances most similar to it.
    """

    query: Picture
    truth: str
    answer: str
    confidence: float
    nearest: Sequence[Picture] = ()


@dataclass(frozen=True)
class TaskReport:
    """What the page says of one task.

    Args:
        name (str): the task.
        accuracy (str): mean, spread and interval, as text.
        recalls (Sequence[tuple[str, int, float]]): class, queries per episode, recall in percent.
        figures (Mapping[str, Figure]): by caption.
        mistakes (Sequence[Mistake]): those that are shown.
        num_mistakes (int): how many there are in the episode that is shown.
        notes (Sequence[str]): what is missing, and why.
    """

    name: str
    accuracy: str
    recalls: Sequence[tuple[str, int, float]]
    figures: Mapping[str, Figure]
    mistakes: Sequence[Mistake] = ()
    num_mistakes: int = 0
    notes: Sequence[str] = field(default_factory=list)


def write_report(
    path: str | Path, title: str, facts: Mapping[str, str], tasks: Sequence[TaskReport]
) -> list[Path]:
    """Write the page, which holds all of its pictures, and beside it the figures as PNG.

    Args:
        path (str | Path): the HTML file to write.
        title (str): heading.
        facts (Mapping[str, str]): what the run was, by name.
        tasks (Sequence[TaskReport]): the tasks.

    Returns:
        list[Path]: the PNG files.
    """
    path = Path(path)
    figures = {
        task.name: {caption: figure_png(f) for caption, f in task.figures.items()} for task in tasks
    }
    files = []
    for task, part in zip(tasks, file_names([task.name for task in tasks]), strict=True):
        for caption, png in figures[task.name].items():
            file = path.with_name(f'{path.stem}_{part}_{file_name(caption)}.png')
            with atomic_write(file) as temporary:
                temporary.write_bytes(png)
            files.append(file)
    write_page(
        path,
        'report.html.jinja',
        'report.css',
        title=title,
        facts=facts,
        tasks=tasks,
        figures=figures,
    )
    return files


def file_names(texts: Sequence[str]) -> list[str]:
    """Make texts parts of file names, see :func:`file_name`, numbered where they are alike."""
    names = [file_name(text) for text in texts]
    times = Counter(name.casefold() for name in names)
    return [
        f'{name}-{number}' if times[name.casefold()] > 1 else name
        for number, name in enumerate(names, 1)
    ]


def file_name(text: str) -> str:
    """Make a text part of a file name: letters, digits and hyphens, and not too many."""
    words = ''.join(letter if letter.isalnum() else ' ' for letter in text).split()
    # File systems allow 255 bytes, and a letter may have four.
    return '-'.join(words)[:_LONGEST_NAME]


def figure_png(figure: Figure) -> bytes:
    """Encode a figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png')
    return buffer.getvalue()
