"""What an inferencer tells of an instance."""

from collections.abc import Iterator, Sequence

import numpy as np

from mmvrec.apis.embedding import EmbeddedInstances
from mmvrec.apis.enrolled_data import EnrolledData
from mmvrec.fewshot.fitted import FittedClassifier, Prediction
from mmvrec.fewshot.leaving_early import groups_of
from mmvrec.fewshot.verdicts import VerdictRule


def make_results(
    fitted: FittedClassifier,
    records: Sequence[dict],
    embedded: EmbeddedInstances,
    neighbours: int,
    rule: VerdictRule,
    data: EnrolledData | None,
) -> list[dict]:
    """Make results as :meth:`DefectInferencer.__call__` describes them, in types that JSON has.

    Args:
        fitted (FittedClassifier): the classifier.
        records (Sequence[dict]): of the instances.
        embedded (EmbeddedInstances): the same instances, embedded.
        neighbours (int): support instances that are named as evidence.
        rule (VerdictRule): what gives verdicts.
        data (EnrolledData, optional): what was enrolled, by which instances are warned of.

    Returns:
        list[dict]: one for every instance.

    Raises:
        ValueError: the head gives NaN.
    """
    results: list[dict] = [{}] * len(records)
    for row, prediction, boxes in _predictions(fitted, embedded, neighbours):
        record = records[row]
        warnings = [] if data is None else data.warnings(embedded.facts[row])
        result = {
            'id': record['instance_id'],
            'bbox': record['bbox'],
            **prediction.to_dict(),
            'verdict': rule.verdict(prediction, warnings),
            'warnings': warnings,
            'view_boxes': boxes.tolist(),
        }
        if 'det_score' in record:
            result['det_score'] = record['det_score']
        results[row] = result
    return results


def _predictions(
    fitted: FittedClassifier, embedded: EmbeddedInstances, neighbours: int
) -> Iterator[tuple[int, Prediction, np.ndarray]]:
    """Of every instance its row, the answer, and the boxes of the views that it is made by."""
    for rows, positions in groups_of(fitted.early_exit, embedded.counts):
        predictions = fitted.predict(embedded.feats[rows][:, positions], neighbours)
        yield from zip(rows, predictions, embedded.view_boxes[rows][:, positions], strict=True)
