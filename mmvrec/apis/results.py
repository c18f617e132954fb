"""What an inferencer tells of an instance."""

from collections.abc import Sequence

from mmvrec.apis.embedding import EmbeddedInstances
from mmvrec.fewshot.fitted import FittedClassifier


def make_results(
    fitted: FittedClassifier,
    records: Sequence[dict],
    embedded: EmbeddedInstances,
    neighbours: int,
) -> list[dict]:
    """Make results as :meth:`DefectInferencer.__call__` describes them, in types that JSON has.

    Args:
        fitted (FittedClassifier): the classifier.
        records (Sequence[dict]): of the instances.
        embedded (EmbeddedInstances): the same instances, embedded.
        neighbours (int): support instances that are named as evidence.

    Returns:
        list[dict]: one for every instance.

    Raises:
        ValueError: the head gives NaN.
    """
    results = []
    for record, prediction, boxes in zip(
        records, fitted.predict(embedded.feats, neighbours), embedded.view_boxes, strict=True
    ):
        result = {
            'id': record['instance_id'],
            'bbox': record['bbox'],
            **prediction.to_dict(),
            'view_boxes': boxes.tolist(),
        }
        if 'det_score' in record:
            result['det_score'] = record['det_score']
        results.append(result)
    return results
