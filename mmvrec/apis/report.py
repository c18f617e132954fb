"""A page about what a fitted inferencer makes of a labelled dataset."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.logging import print_log
from torch import Tensor

from mmvrec.apis.embedding import Instances
from mmvrec.datasets.sources import roboflow_source
from mmvrec.evaluation.intervals import wilson_interval
from mmvrec.visualization.figures import draw_confusion
from mmvrec.visualization.instances import outlined_views
from mmvrec.visualization.report import Mistake, Picture, TaskReport, write_report
from mmvrec.visualization.summary import embedding_figure, figure_notes, recalls

if TYPE_CHECKING:
    from mmvrec.apis.inferencer import DefectInferencer

_QUERY_SIDE = 192


def write_evaluation(
    inferencer: 'DefectInferencer',
    records: Sequence[dict],
    feats: Tensor,
    results: Sequence[dict],
    path: str | Path,
    max_mistakes: int,
) -> dict[str, float]:
    """Write the page of :meth:`DefectInferencer.report`, which tells what it returns.

    Args:
        inferencer (DefectInferencer): fitted.
        records (Sequence[dict]): of labelled instances.
        feats (Tensor): their view features, float, (B, V, C).
        results (Sequence[dict]): what the inferencer made of them.
        path (str | Path): the HTML file.
        max_mistakes (int): mistakes that are shown.
    """
    classes = inferencer.classes
    truths = [record['label_name'] for record in records]
    labels = [classes.index(name) for name in truths]
    answers = [classes.index(result['label']) for result in results]
    right = [truth == answer for truth, answer in zip(labels, answers, strict=True)]
    wrong = sorted(
        (i for i, is_right in enumerate(right) if not is_right), key=lambda i: -results[i]['score']
    )
    unknown = sum(bool(result['unknown']) for result in results)
    numbers = {
        'accuracy': 100 * sum(right) / len(right),
        'instances': len(right),
        'unknown': 100 * unknown / len(right),
    }
    low, high = wilson_interval(sum(right) / len(right), len(right))
    support = (inferencer.feats, [classes.index(name) for name in inferencer.labels])
    task = TaskReport(
        name=inferencer.task,
        accuracy=f'{numbers["accuracy"]:.2f} %',
        recalls=recalls(labels, answers, classes),
        figures={
            'confusion matrix': draw_confusion(labels, answers, classes),
            't-SNE': embedding_figure(inferencer.head, support, (feats, labels), right, classes),
        },
        mistakes=_mistakes(inferencer, records, results, wrong[:max_mistakes]),
        num_mistakes=len(wrong),
        notes=figure_notes(classes),
        episodes=False,
    )
    facts = {
        'accuracy': f'{numbers["accuracy"]:.2f} %, {len(right)} instances; with others '
        f'{100 * low:.1f} to {100 * high:.1f} % (95 %)',
        'called unknown': f'{numbers["unknown"]:.1f} %',
        'head': type(inferencer.head).__name__,
        'support': f'{len(inferencer.ids)} instances of {len(classes)} classes',
        'weights': inferencer.model.weights_source,
    }
    write_report(path, 'mmvrec: defects', facts, [task])
    return numbers


def tell_enrolled(records: Sequence[dict], others: Sequence[int], ids: Collection[str]) -> None:
    """Log how many instances are enrolled, and warn of others that are no news either.

    Args:
        records (Sequence[dict]): of the instances of a dataset.
        others (Sequence[int]): rows of those that are not enrolled.
        ids (Collection[str]): of the enrolled instances.
    """
    if len(others) < len(records):
        judged = set(others)
        known = [r['instance_id'] for row, r in enumerate(records) if row not in judged]
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


def _mistakes(
    inferencer: 'DefectInferencer',
    records: Sequence[dict],
    results: Sequence[dict],
    chosen: Sequence[int],
) -> list[Mistake]:
    views = Instances([records[i] for i in chosen], inferencer.cfg.test_dataloader.dataset.pipeline)
    position = {identity: row for row, identity in enumerate(inferencer.ids)}
    found = []
    for row, index in enumerate(chosen):
        result = results[index]
        nearest = [
            Picture(
                f'{near["label"]}, cos {near["similarity"]:.3f}: {near["id"]}',
                [inferencer.pictures[position[near['id']]].numpy()],
            )
            for near in result['neighbours']
        ]
        query = Picture(result['id'], outlined_views(views[row], _QUERY_SIDE))
        found.append(
            Mistake(query, records[index]['label_name'], result['label'], result['score'], nearest)
        )
    return found
