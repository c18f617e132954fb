"""A page about what a fitted inferencer makes of a labelled dataset."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mmengine.logging import print_log
from torch import Tensor

from mmvrec.apis.embedding import EmbeddedInstances
from mmvrec.apis.pixels import InstancePixels
from mmvrec.datasets.sources import roboflow_source
from mmvrec.evaluation.intervals import wilson_interval
from mmvrec.fewshot.fitted import FittedClassifier, Prediction
from mmvrec.visualization.crops import crop_instance, crop_side
from mmvrec.visualization.evaluation import (
    EvaluatedInstance,
    EvaluationReport,
    Share,
    SuspectedLabel,
)

#: Labels in doubt that the page names.
_SUSPECTS = 5


@dataclass(frozen=True)
class EvaluationPage:
    """Writes the page of :meth:`DefectInferencer.report`.

    Args:
        fitted (FittedClassifier): the classifier.
        pictures (Tensor): of its support, uint8, (M, 96, 96, 3).
        pipeline (Sequence[dict]): configs of the transforms that make the views.
        weights (str): where the weights come from.
        data (str): where the instances come from.
    """

    fitted: FittedClassifier
    pictures: Tensor
    pipeline: Sequence[dict]
    weights: str
    data: str

    def write(
        self,
        path: str | Path,
        records: Sequence[dict],
        embedded: EmbeddedInstances,
        neighbours: int,
        max_mistakes: int,
        language: str,
    ) -> dict[str, float]:
        """Classify labelled instances and write the page.

        Args:
            path (str | Path): the HTML file.
            records (Sequence[dict]): of the instances, at least one.
            embedded (EmbeddedInstances): the same instances, embedded.
            neighbours (int): support instances shown with a mistake.
            max_mistakes (int): mistakes that are shown with them.
            language (str): see :meth:`EvaluationReport.write`.

        Returns:
            dict[str, float]: see :meth:`DefectInferencer.report`.
        """
        predictions = self.fitted.predict(embedded.feats, neighbours)
        instances = list(self._instances(records, predictions, embedded.pictures))
        known = [instance for instance in instances if not instance.unknown]
        names = self.fitted.class_names
        report = EvaluationReport(
            data=self.data,
            weights=self.weights,
            day=date.today(),
            support=Counter(sorted(self.fitted.support.label_names)),
            instances=instances,
            overall=share_of_right(instances),
            known=share_of_right(known),
            recalls={n: share_of_right([i for i in instances if i.truth == n]) for n in names},
            precisions={n: share_of_right([i for i in instances if i.answer == n]) for n in names},
            max_mistakes=max_mistakes,
            left_out=self._left_out(),
            suspects=self._suspects(),
        )
        report.write(path, language)
        return {
            'accuracy': 100 * report.overall.count / len(instances),
            'ci95_low': 100 * report.overall.low,
            'ci95_high': 100 * report.overall.high,
            'instances': len(instances),
            'unknown': 100 * (1 - len(known) / len(instances)),
        }

    def _left_out(self) -> Share | None:
        """Answers held out that are right; None without any."""
        answers = self.fitted.held_out
        return share([a.label == a.predicted for a in answers]) if answers else None

    def _suspects(self) -> list[SuspectedLabel]:
        """The enrolled instances that are doubted most."""
        estimate = self.fitted.estimate
        errors = () if estimate is None else estimate.label_errors[:_SUSPECTS]
        rows = {identity: row for row, identity in enumerate(self.fitted.support.ids)}
        return [
            SuspectedLabel(
                error.id, error.given, error.contradicting, self.pictures[rows[error.id]].numpy()
            )
            for error in errors
        ]

    def _instances(
        self, records: Sequence[dict], predictions: Sequence[Prediction], pictures: Tensor
    ) -> Iterator[EvaluatedInstance]:
        pixels_of, side = InstancePixels(self.pipeline), crop_side(len(records))
        rows = {identity: row for row, identity in enumerate(self.fitted.support.ids)}
        for record, prediction, picture in zip(records, predictions, pictures, strict=True):
            pixels, mask = pixels_of(record)
            yield EvaluatedInstance(
                image=Path(record['img_path'] or record['instance_id']).name,
                truth=record['label_name'],
                answer=prediction.label,
                score=prediction.score,
                unknown=bool(prediction.unknown),
                crop=crop_instance(pixels, mask, record['bbox'], side),
                view=picture.numpy(),
                nearest=[
                    (near.label, near.similarity, self.pictures[rows[near.id]].numpy())
                    for near in prediction.neighbours
                ],
            )


def share_of_right(instances: Sequence[EvaluatedInstance]) -> Share:
    """Count right answers, see :func:`share`."""
    return share([instance.right for instance in instances])


def share(is_right: Sequence[bool]) -> Share:
    """Count what is true, with Wilson's interval, see :func:`wilson_interval`."""
    right, total = sum(is_right), len(is_right)
    low, high = wilson_interval(right / total, total) if total else (0.0, 1.0)
    return Share(right, total, low, high)


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
