"""What an inferencer tells of an instance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from mmvrec.apis.embedding import EmbeddedInstances
from mmvrec.fewshot.rejection import similarities

if TYPE_CHECKING:
    from mmvrec.apis.inferencer import DefectInferencer


@torch.no_grad()
def make_results(
    inferencer: 'DefectInferencer',
    records: Sequence[dict],
    found: EmbeddedInstances,
    neighbours: int,
) -> list[dict]:
    """Results as :meth:`DefectInferencer.__call__` describes them.

    Args:
        inferencer (DefectInferencer): fitted.
        records (Sequence[dict]): of the instances.
        found (EmbeddedInstances): the same instances, embedded.
        neighbours (int): support instances that are named as evidence.

    Returns:
        list[dict]: one for every instance.

    Raises:
        ValueError: scores that are not finite.
    """
    device = inferencer.model.data_preprocessor.device
    scores = inferencer.head.predict(found.feats.to(device), inferencer.temperature).cpu()
    bad = [r['instance_id'] for r, own in zip(records, scores, strict=True) if own.isnan().any()]
    if bad:
        raise ValueError(f'the head gives NaN for {bad[:5]}; was it trained to the end?')
    similar, nearest = similarities(found.feats, inferencer.feats).sort(dim=1, descending=True)
    results = []
    for row, record in enumerate(records):
        best = int(scores[row].argmax())
        likeness = similar[row].tolist()
        threshold = inferencer.threshold
        result = {
            'id': record['instance_id'],
            'bbox': record['bbox'],
            'label': inferencer.classes[best],
            'score': float(scores[row, best]),
            'scores': dict(zip(inferencer.classes, scores[row].tolist(), strict=True)),
            'similarity': likeness[0],
            'unknown': None if threshold is None else likeness[0] < threshold,
            'neighbours': [
                {'id': inferencer.ids[k], 'label': inferencer.labels[k], 'similarity': likeness[n]}
                for n, k in enumerate(nearest[row, :neighbours].tolist())
            ],
            'view_boxes': found.view_boxes[row],
        }
        if 'det_score' in record:
            result['det_score'] = record['det_score']
        results.append(result)
    return results
