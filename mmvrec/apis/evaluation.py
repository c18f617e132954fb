"""How good an inferencer is: on what it has learnt from, or on a labelled dataset."""

from dataclasses import dataclass

import torch

from mmvrec.apis.embedding import embed
from mmvrec.apis.enrolled import EnrolledSupport
from mmvrec.apis.inferencer import DefectInferencer
from mmvrec.apis.records import records_of_dataset
from mmvrec.apis.report import warn_of_enrolled
from mmvrec.datasets import DefectDataset
from mmvrec.fewshot.fitted import require_fitted
from mmvrec.fewshot.held_out import HeldOutAnswer
from mmvrec.fewshot.rejection import similarities

#: Cosine of mean features from which on instances are near-duplicates.
NEAR_DUPLICATE = 0.98


@dataclass(frozen=True)
class DatasetAnswers:
    """Answers to the instances of a labelled dataset that are not enrolled.

    Args:
        answers (tuple[HeldOutAnswer, ...]): to instances of enrolled classes.
        unknown (int): how many of these were called unknown.
        strange (tuple[HeldOutAnswer, ...]): to instances of classes that are not enrolled.
        strange_unknown (int): how many of these were called unknown, as they should be.
    """

    answers: tuple[HeldOutAnswer, ...]
    unknown: int
    strange: tuple[HeldOutAnswer, ...]
    strange_unknown: int


def classify_dataset(inferencer: DefectInferencer, dataset: DefectDataset) -> DatasetAnswers:
    """Classify the instances of a labelled dataset; those that are enrolled are left out.

    Args:
        inferencer (DefectInferencer): fitted.
        dataset (DefectDataset): of one task; it may have classes that are not enrolled.

    Raises:
        ValueError: nothing is fitted yet, or all instances are enrolled.
    """
    fitted = require_fitted(inferencer.fitted)
    records = records_of_dataset(dataset, inferencer.task)
    embedded = embed(inferencer.model, inferencer.pipeline, records)
    others = [row for row, feats in enumerate(embedded.feats) if not fitted.knows(feats)]
    if not others:
        raise ValueError('all instances of the dataset are enrolled; judge others')
    warn_of_enrolled(records, others, inferencer.bank.ids)
    known, strange = [], []
    for row, prediction in zip(others, fitted.predict(embedded.feats[others]), strict=True):
        record = records[row]
        label = record['label_name']
        answer = HeldOutAnswer(record['instance_id'], label, prediction.label, prediction.score)
        group = known if label in fitted.class_names else strange
        group.append((answer, bool(prediction.unknown)))
    return DatasetAnswers(
        answers=tuple(answer for answer, _ in known),
        unknown=sum(is_unknown for _, is_unknown in known),
        strange=tuple(answer for answer, _ in strange),
        strange_unknown=sum(is_unknown for _, is_unknown in strange),
    )


def near_duplicates(enrolled: EnrolledSupport) -> list[tuple[str, str, float]]:
    """Instances on different images that are as good as equal, so that an estimate is too good.

    Args:
        enrolled (EnrolledSupport): at least one instance.

    Returns:
        list[tuple[str, str, float]]: ids of two instances and the cosine of their mean features, at
        least :data:`NEAR_DUPLICATE`, the most alike first.
    """
    cosines, images, ids = (
        similarities(enrolled.bank.feats, enrolled.bank.feats).triu(1),
        enrolled.images,
        enrolled.bank.ids,
    )
    pairs = [
        (ids[a], ids[b], float(cosines[a, b]))
        for a, b in torch.nonzero(cosines >= NEAR_DUPLICATE).tolist()
        if images[a] != images[b]
    ]
    return sorted(pairs, key=lambda pair: -pair[2])
