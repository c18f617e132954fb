"""Which of a user's unlabelled instances to label next, and why."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from rich.progress import track
from torch import Tensor

from mmvrec.apis.embedding import embed
from mmvrec.apis.inferencer import DefectInferencer
from mmvrec.apis.instance_facts import image_of
from mmvrec.apis.records import Image, records_of_images
from mmvrec.fewshot.fitted import FittedClassifier, require_fitted
from mmvrec.fewshot.suggestions import suggest


@dataclass(frozen=True)
class Suggestion:
    """An unlabelled instance whose label would help, and what is doubted.

    Args:
        id (str): of the instance: image and place.
        image (str): its image.
        bbox (tuple[float, float, float, float]): x1, y1, x2, y2 in upright pixels.
        label (str): the most probable class.
        score (float): its probability, in [0, 1].
        other (str): the class after it.
        other_score (float): its probability, in [0, 1].
        similarity (float): cosine to the nearest enrolled instance, in [-1, 1].
        unknown (bool, optional): see :class:`Prediction`.
    """

    id: str
    image: str
    bbox: tuple[float, float, float, float]
    label: str
    score: float
    other: str
    other_score: float
    similarity: float
    unknown: bool | None

    @property
    def why(self) -> str:
        """As ``crack 51 %, or dent 47 %; similarity to what is enrolled 0.83``."""
        doubt = (
            f'{self.label} {100 * self.score:.0f} %, or {self.other} {100 * self.other_score:.0f} %'
        )
        strange = ', unlike all of it' if self.unknown else ''
        return f'{doubt}; similarity to what is enrolled {self.similarity:.2f}{strange}'


@dataclass(frozen=True)
class Suggestions:
    """What to label next of the instances of some images.

    Args:
        chosen (tuple[Suggestion, ...]): the first to be labelled first.
        instances (int): of all images that could be read.
        enrolled (int): those of them that are enrolled, of which none is chosen.
        broken (tuple[str, ...]): what is wrong with images or instances that cannot be used.
    """

    chosen: tuple[Suggestion, ...]
    instances: int
    enrolled: int
    broken: tuple[str, ...]


def suggest_instances(
    inferencer: DefectInferencer,
    images: Sequence[Image],
    instances: Sequence,
    number: int,
    progress: bool = True,
) -> Suggestions:
    """Choose instances by :func:`mmvrec.fewshot.suggestions.suggest`.

    Args:
        inferencer (DefectInferencer): fitted.
        images (Sequence[Image]): the images.
        instances (Sequence): see :func:`image_instances`, for each; None is the whole image.
        number (int): how many are to be labelled, at least 1.
        progress (bool): show a progress bar. Defaults to True.

    Raises:
        ValueError: ``number`` is less than 1, or nothing is fitted.
    """
    fitted = require_fitted(inferencer.fitted)
    records, feats, broken, present = [], [], [], 0
    pairs = list(zip(images, instances, strict=True))
    for image, given in track(pairs, 'Embedding', disable=not progress):
        try:
            (own,) = records_of_images([image], [given], inferencer.task)
            if not own:
                continue
            embedded = embed(inferencer.model, inferencer.pipeline, own, progress=False)
        except (ValueError, OSError) as error:
            broken.append(str(error))
            continue
        new = [row for row, views in enumerate(embedded.feats) if not fitted.knows(views)]
        present += len(own) - len(new)
        records += [own[row] for row in new]
        feats.append(embedded.feats[new])
    pool = torch.cat(feats) if feats else fitted.support.feats[:0]
    chosen = suggest(fitted, pool, number)
    reasons = _reasons(fitted, [records[row] for row in chosen], pool[chosen])
    return Suggestions(reasons, len(pool) + present, present, tuple(broken))


def _reasons(
    fitted: FittedClassifier, records: Sequence[dict], feats: Tensor
) -> tuple[Suggestion, ...]:
    predictions = fitted.predict(feats, neighbours=1) if len(feats) else []
    suggestions = []
    for record, found in zip(records, predictions, strict=True):
        (label, score), (other, other_score) = Counter(found.scores).most_common(2)
        suggestions.append(
            Suggestion(
                record['instance_id'],
                image_of(record),
                tuple(record['bbox']),
                label,
                score,
                other,
                other_score,
                found.similarity,
                found.unknown,
            )
        )
    return tuple(suggestions)
