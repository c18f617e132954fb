"""What an inferencer tells of an instance."""

from collections.abc import Sequence

from mmvrec.apis.embedding import EmbeddedInstances
from mmvrec.apis.enrolled_data import EnrolledData
from mmvrec.fewshot.fitted import FittedClassifier
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
    results = []
    predictions = fitted.predict(embedded.feats, neighbours)
    for record, prediction, boxes, facts in zip(
        records, predictions, embedded.view_boxes, embedded.facts, strict=True
    ):
        warnings = [] if data is None else data.warnings(facts)
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
        results.append(result)
    return results
