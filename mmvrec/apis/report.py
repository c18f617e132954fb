"""A page about what a fitted inferencer makes of a labelled dataset."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from mmengine.logging import print_log
from torch import Tensor

from mmvrec.apis.embedding import Instances
from mmvrec.datasets.sources import roboflow_source
from mmvrec.evaluation.intervals import wilson_interval
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.report import describe_task
from mmvrec.structures import FeatureBank
from mmvrec.visualization.instances import outlined_views
from mmvrec.visualization.report import write_report

_QUERY_SIDE = 192


@dataclass(frozen=True)
class EvaluationPage:
    """Writes the page of :meth:`DefectInferencer.report`.

    Args:
        fitted (FittedClassifier): the classifier.
        pictures (Tensor): of its support, uint8, (M, 96, 96, 3).
        pipeline (Sequence[dict]): configs of the transforms that make the views.
        weights (str): where the weights come from.
    """

    fitted: FittedClassifier
    pictures: Tensor
    pipeline: Sequence[dict]
    weights: str

    def write(
        self,
        path: str | Path,
        records: Sequence[dict],
        feats: Tensor,
        neighbours: int,
        max_mistakes: int,
    ) -> dict[str, float]:
        """Classify labelled instances and write the page.

        Args:
            path (str | Path): the HTML file.
            records (Sequence[dict]): of the instances.
            feats (Tensor): their view features, float, (B, V, C).
            neighbours (int): support instances shown with a mistake.
            max_mistakes (int): mistakes that are shown.

        Returns:
            dict[str, float]: see :meth:`DefectInferencer.report`.
        """
        fitted, support = self.fitted, self.fitted.support
        predictions = fitted.predict(feats, neighbours)
        truths = [record['label_name'] for record in records]
        right = [p.label == name for p, name in zip(predictions, truths, strict=True)]
        numbers = {
            'accuracy': 100 * sum(right) / len(right),
            'instances': len(right),
            'unknown': 100 * sum(bool(p.unknown) for p in predictions) / len(right),
        }
        accuracy = f'{numbers["accuracy"]:.2f} %'
        low, high = wilson_interval(sum(right) / len(right), len(right))
        task = support.task_names[0]
        queries = FeatureBank(
            feats=feats,
            labels=fitted.label_space.encode(truths, task),
            tasks=[task] * len(records),
            ids=[record['instance_id'] for record in records],
            class_names=dict(support.class_names),
        )
        pictures = _Pictures(support.ids, self.pictures, records, self.pipeline)
        report = describe_task(
            fitted, queries, predictions, pictures, accuracy, max_mistakes=max_mistakes
        )
        facts = {
            'accuracy': f'{accuracy}, {len(right)} instances; with others '
            f'{100 * low:.1f} to {100 * high:.1f} % (95 %)',
            'called unknown': f'{numbers["unknown"]:.1f} %',
            'head': type(fitted.head).__name__,
            'support': f'{len(support)} instances of {len(fitted.class_names)} classes',
            'weights': self.weights,
        }
        write_report(path, 'mmvrec: defects', facts, [report])
        return numbers


@dataclass(frozen=True)
class _Pictures:
    """Pictures of enrolled instances as they are stored, and of others from their images."""

    enrolled: Sequence[str]
    stored: Tensor
    records: Sequence[dict]
    pipeline: Sequence[dict]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {record['instance_id']: row for row, record in enumerate(self.records)}

    def query(self, identity: str) -> list[np.ndarray]:
        """Draw a query in every size of crop."""
        views = Instances([self.records[self._rows[identity]]], self.pipeline)
        return outlined_views(views[0], _QUERY_SIDE)

    def support(self, identity: str) -> list[np.ndarray]:
        """Look up an enrolled instance in its widest crop."""
        return [self.stored[self.enrolled.index(identity)].numpy()]


def warn_of_enrolled(records: Sequence[dict], others: Sequence[int], ids: Collection[str]) -> None:
    """Log how many instances are enrolled, and warn of others that are no news either.

    Args:
        records (Sequence[dict]): of the instances of a dataset.
        others (Sequence[int]): rows of those that are not enrolled.
        ids (Collection[str]): of the enrolled instances.
    """
    if len(others) < len(records):
        evaluated = set(others)
        known = [r['instance_id'] for row, r in enumerate(records) if row not in evaluated]
        renamed = [identity for identity in known if identity not in ids]
        names = f', {len(renamed)} of them under other names ({renamed[0]!r})' if renamed else ''
        print_log(f'{len(known)} instances are enrolled{names}, and not judged', logger='current')
    enrolled = {roboflow_source(identity) for identity in ids} - {None}
    copies = [
        records[row]['instance_id']
        for row in others
        if roboflow_source(records[row]['img_path']) in enrolled
    ]
    if copies:
        print_log(
            f'{len(copies)} instances are in copies that Roboflow has made of enrolled images, the '
            f'first: {copies[:3]}; the accuracy on them says little about new images',
            logger='current',
            level=30,
        )
