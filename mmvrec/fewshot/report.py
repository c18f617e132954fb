"""What a page tells of a fitted classifier on the labelled queries of one task."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from mmvrec.fewshot.fitted import FittedClassifier, Prediction
from mmvrec.structures import FeatureBank
from mmvrec.visualization.figures import Embedding, draw_confusion, draw_embeddings
from mmvrec.visualization.report import Mistake, Picture, TaskReport
from mmvrec.visualization.summary import figure_notes, recalls


class InstancePictures(Protocol):
    """Gives the pictures of instances by id, uint8 RGB; none where there are no pixels."""

    def query(self, identity: str) -> Sequence[np.ndarray]:
        """Draw a query in every size of crop."""

    def support(self, identity: str) -> Sequence[np.ndarray]:
        """Draw a support instance in its widest crop."""


def describe_task(
    fitted: FittedClassifier,
    queries: FeatureBank,
    predictions: Sequence[Prediction],
    pictures: InstancePictures,
    accuracy: str,
    answers: tuple[Sequence[int], Sequence[int]],
    max_mistakes: int = 24,
    notes: Sequence[str] = (),
) -> TaskReport:
    """Describe what a classifier made of the queries of one task.

    Args:
        fitted (FittedClassifier): the classifier.
        queries (FeatureBank): labelled queries of one task.
        predictions (Sequence[Prediction]): of every query.
        pictures (InstancePictures): of queries and support.
        accuracy (str): as text.
        answers (tuple[Sequence[int], Sequence[int]]): true and predicted positions of the queries
            over all episodes, which matrix and recalls count.
        max_mistakes (int): mistakes that are shown, the surest first. Defaults to 24.
        notes (Sequence[str]): what else is to be said. Defaults to nothing.

    Returns:
        TaskReport: for :func:`write_report`.
    """
    names, task = fitted.class_names, queries.task_names[0]
    truths = (queries.labels + fitted.first_position(task)).tolist()
    predicted = [names.index(prediction.label) for prediction in predictions]
    labels, classes = answers
    right = [truth == answer for truth, answer in zip(truths, predicted, strict=True)]
    wrong = [row for row, is_right in enumerate(right) if not is_right]
    wrong.sort(key=lambda row: -predictions[row].score)
    return TaskReport(
        name=task,
        accuracy=accuracy,
        recalls=recalls(labels, classes, names, len(labels) // len(truths)),
        figures={
            'confusion matrix': draw_confusion(labels, classes, names),
            't-SNE': embedding_figure(fitted, queries, right),
        },
        mistakes=[
            describe_mistake(queries.ids[row], names[truths[row]], predictions[row], pictures)
            for row in wrong[:max_mistakes]
        ],
        num_mistakes=len(wrong),
        notes=[*figure_notes(names), *notes],
    )


def describe_mistake(
    identity: str, truth: str, prediction: Prediction, pictures: InstancePictures
) -> Mistake:
    """Describe a query that was answered wrongly, with its nearest support instances."""
    nearest = [
        Picture(f'{near.label}, cos {near.similarity:.3f}: {near.id}', pictures.support(near.id))
        for near in prediction.neighbours
    ]
    query = Picture(identity, pictures.query(identity))
    return Mistake(query, truth, prediction.label, prediction.score, nearest)


def embedding_figure(
    fitted: FittedClassifier, queries: FeatureBank, right: Sequence[bool]
) -> Figure:
    """Draw t-SNE of mean features, and of the projected ones where the head projects.

    Args:
        fitted (FittedClassifier): the classifier, with or without its support.
        queries (FeatureBank): labelled queries of one task.
        right (Sequence[bool]): whether each query was answered rightly.

    Returns:
        Figure: a panel each.
    """
    support = queries.select([]) if fitted.support is None else fitted.support
    parts = support.feats, queries.feats
    raw = [fitted.head.select_views(feats).float().mean(1) for feats in parts]
    projected = [_projected(fitted, feats) for feats in raw]
    panels = [Embedding('features', *raw)]
    if not all(map(torch.equal, raw, projected)):
        panels = [Embedding('before fine-tuning', *raw), Embedding('after fine-tuning', *projected)]
    names = queries.class_names[queries.task_names[0]]
    return draw_embeddings(panels, support.labels.tolist(), queries.labels.tolist(), right, names)


@torch.no_grad()
def _projected(fitted: FittedClassifier, feats: Tensor) -> Tensor:
    """Embed mean features (M, C) as the head compares them; the result is on the CPU."""
    device = next(fitted.head.parameters(), feats).device
    return fitted.head.embed(feats.to(device)).cpu()
