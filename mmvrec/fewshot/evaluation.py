"""Evaluating a fitted classifier on the queries of one task."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mmpretrain.structures import DataSample
from torch import Tensor

from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.leaving_early import groups_of, look
from mmvrec.structures import UNLABELLED, FeatureBank

#: Answers that are held at once; each takes some kilobytes.
_MOST_QUERIES = 4096


@dataclass(frozen=True)
class EvalUnit:
    """A fitted classifier and the queries of one task; hooks get it as ``data_batch``.

    Args:
        episode (int): the draw of the support set; 0 of a head from a checkpoint.
        query (FeatureBank): all queries of the task.
        fitted (FittedClassifier): what is evaluated on them.
        held_out (str, optional): class that it does not know, see :class:`OpenSetTestLoop`.
    """

    episode: int
    query: FeatureBank
    fitted: FittedClassifier
    held_out: str | None = None

    @property
    def task(self) -> str:
        """The task of all queries."""
        return self.query.tasks[0]

    def parts(self) -> Iterator['EvalUnit']:
        """Itself, or where there are very many queries as several, one after the other."""
        for start in range(0, len(self.query), _MOST_QUERIES):
            yield replace(self, query=self.query.rows(start, start + _MOST_QUERIES))


def evaluate_task(unit: EvalUnit) -> list[DataSample]:
    """Classify the queries of one task.

    Args:
        unit (EvalUnit): classifier and queries.

    Returns:
        list[DataSample]: ``gt_label`` (or :data:`UNLABELLED`), ``pred_label`` and ``pred_score``
        (probabilities, (N,)) of every query, with ``task``, ``episode``, ``instance_id``,
        ``class_names`` (of the N classes) and ``views`` (how many were looked at) as meta
        information; where the support set is at hand
        also ``similarity`` to its nearest instance, how ``typical`` it is of the support
        (:meth:`FewShotHead.typicality`), and whether that is too little to be known (``unknown``,
        see :func:`leave_one_out_threshold`; None where there is no threshold).
    """
    bank, fitted = unit.query, unit.fitted
    counts = [bank.feats.shape[1]] * len(bank)
    if fitted.early_exit is not None:
        _, counts = look(
            fitted.early_exit,
            fitted.head,
            fitted.support.feats,
            lambda rows, positions: bank.feats[rows][:, positions],
            len(bank),
        )
    samples: dict[int, DataSample] = {}
    for rows, positions in groups_of(fitted.early_exit, counts):
        seen = bank.feats[rows][:, positions]
        samples |= zip(rows, _judge(unit, rows, seen), strict=True)
    return [samples[row] for row in range(len(bank))]


def _judge(unit: EvalUnit, rows: list[int], feats: Tensor) -> Iterator[DataSample]:
    """Samples of some queries, by the views of them that were looked at, (b, v, C)."""
    bank, fitted = unit.query, unit.fitted
    names, first = fitted.class_names, fitted.first_position(unit.task)
    similarities, typical = fitted.similarities(feats), fitted.typicality(feats)
    unknown = fitted.are_unknown(feats)
    for index, (row, scores) in enumerate(zip(rows, fitted.scores(feats), strict=True)):
        label = bank.labels[row]
        meta = {
            'task': unit.task,
            'episode': unit.episode,
            'held_out': unit.held_out,
            'instance_id': bank.ids[row],
            'class_names': names,
            'views': feats.shape[1],
        }
        if similarities is not None:
            meta |= {
                'similarity': similarities[index].max().item(),
                'typical': typical[index].item(),
                'unknown': unknown[index],
            }
        sample = DataSample(metainfo=meta)
        sample.set_gt_label(label if label == UNLABELLED else label + first)
        sample.set_pred_score(scores).set_pred_label(scores.argmax())
        yield sample
