"""Open-set recognition: AUROC of unknown defects, and how many are rejected."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mmvrec.evaluation.few_shot_metric import summary
from mmvrec.registry import METRICS
from mmvrec.structures import UNLABELLED

_NAMES = ('auroc', 'auroc_probability', 'known_rejected', 'unknown_found')


@METRICS.register_module()
class OpenSetAUROC(BaseMetric):
    """Separation of queries with a class from those without, in percent.

    Unknown queries are those of the class left out (:class:`OpenSetTestLoop`), or the false alarms
    of a detector (:class:`DetectedInstances`). Mean over tasks of the mean over episodes (and
    classes left out), each also with ``…_std`` (over episodes, of the mean over tasks):

    - ``fewshot/auroc``: area under the ROC curve of the head's typicality, for most heads the
      similarity to the nearest support instance (:meth:`FewShotHead.typicality`); 50 is chance;
    - ``fewshot/auroc_probability``: of the greatest class probability;
    - ``fewshot/known_rejected`` and ``unknown_found``: known and unknown queries that are called
      unknown, at the threshold of :func:`leave_one_out_threshold`; None where no class has two
      support instances.

    Args:
        collect_device, prefix, collect_dir: as of MMEngine's ``BaseMetric``; ``prefix`` replaces
            ``fewshot``.
    """

    default_prefix = 'fewshot'

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Note how typical each query is of the support set.

        Args:
            data_batch (object): not used.
            data_samples (Sequence[dict]): with ``task``, ``episode``, ``held_out``, ``gt_label``,
                ``pred_score``, ``typical`` and ``unknown``.

        Raises:
            ValueError: the support set was not at hand, as with the model of a checkpoint.
        """
        for sample in data_samples:
            if 'typical' not in sample:
                raise ValueError('OpenSetAUROC needs the support sets: test without a checkpoint')
            known = sample['gt_label'].item() != UNLABELLED
            row = (
                known,
                sample['typical'],
                sample['pred_score'].max().item(),
                np.nan if sample['unknown'] is None else float(sample['unknown']),
            )
            self.results.append((sample['task'], sample['episode'], sample['held_out'], row))

    def compute_metrics(self, results: list[tuple]) -> dict[str, float | None]:
        """Compute the metrics, see the class.

        Raises:
            ValueError: all queries have a class, or none.
        """
        rows = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
        for task, episode, held_out, row in results:
            rows[task][episode][held_out].append(row)
        per_task = [
            [
                np.mean([separation(np.array(r), task) for r in variants.values()], axis=0)
                for variants in episodes.values()
            ]
            for task, episodes in rows.items()
        ]
        columns = np.mean(per_task, axis=0).T
        metrics = {}
        for name, values in zip(_NAMES, columns, strict=True):
            mean, deviation, _ = summary(values)
            # JSON has no NaN.
            known = (None, None) if np.isnan(mean) else (mean, deviation)
            metrics |= dict(zip((name, f'{name}_std'), known, strict=True))
        draws = columns.shape[1]
        numbers = ', '.join(f'{name} {_told(metrics, name, draws)}' for name in _NAMES)
        MMLogger.get_current_instance().info(
            f'Unknown defects (%, mean ± standard deviation over {draws} draws): {numbers}'
        )
        return metrics


def _told(metrics: Mapping[str, float | None], name: str, draws: int) -> str:
    if metrics[name] is None:
        return '-'
    # One draw says nothing of others.
    spread = f' ± {metrics[f"{name}_std"]:.2f}' if draws > 1 else ''
    return f'{metrics[name]:.2f}{spread}'


def separation(rows: np.ndarray, task: str) -> tuple[float, float, float, float]:
    """Compute the four numbers of one fit, in percent.

    Args:
        rows (np.ndarray): float, (Q, 4): whether known, typicality, probability, whether called
            unknown.
        task (str): for the message.

    Raises:
        ValueError: all queries are known, or none.
    """
    from sklearn.metrics import roc_auc_score

    known = rows[:, 0] == 1
    if known.all() or not known.any():
        raise ValueError(
            f'task {task!r}: {known.sum()} of {len(known)} queries have a class; OpenSetAUROC '
            "compares those with and those without: use test_cfg.type='OpenSetTestLoop'"
        )
    return (
        100 * roc_auc_score(known, rows[:, 1]),
        100 * roc_auc_score(known, rows[:, 2]),
        100 * rows[known, 3].mean(),
        100 * rows[~known, 3].mean(),
    )
