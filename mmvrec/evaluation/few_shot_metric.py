"""Few-shot accuracy: mean, spread and confidence over episodes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from rich.console import Console
from rich.table import Table
from rich.text import Text
from scipy import stats

from mmvrec.evaluation.intervals import total_interval
from mmvrec.registry import METRICS
from mmvrec.structures import UNLABELLED
from mmvrec.utils.text import rich_text

_NAMES = ('accuracy', 'accuracy_std', 'ci95', 'ci95_total', 'ci95_low', 'ci95_high')


@METRICS.register_module()
class FewShotAccuracy(BaseMetric):
    """Accuracy in percent, per task and over tasks, of all queries that have a class.

    ``fewshot/accuracy`` is the mean over tasks of the mean over episodes, ``accuracy_std`` the
    sample standard deviation over episodes of the mean over tasks, ``ci95`` half the width of its
    95 % confidence interval (Student's t) over draws of the support set, for these very queries.
    Both are None with one episode, which says nothing of the spread. ``ci95_low`` and ``ci95_high``
    are the 95 % interval over draws and queries, :func:`total_interval`, and ``ci95_total`` half
    its width; with one episode it is over queries alone.
    Of several tasks ``pooled_accuracy`` is the share of right answers among all queries together,
    in which tasks with more queries weigh more; it is how one model of all products is judged.
    The same follow per task as ``fewshot/<task>/…``, with the accuracy of every episode as
    ``fewshot/<task>/episodes``; ``fewshot/weights`` says where the backbone's weights come from.

    Args:
        collect_device, prefix, collect_dir: as of MMEngine's ``BaseMetric``; ``prefix`` replaces
            ``fewshot``.
    """

    default_prefix = 'fewshot'

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Note whether each sample is right.

        Args:
            data_batch (object): not used.
            data_samples (Sequence[dict]): with ``task``, ``episode``, ``instance_id``,
                ``gt_label``, ``pred_label``.
        """
        for sample in data_samples:
            if sample['gt_label'].item() == UNLABELLED:
                continue
            right = int(sample['pred_label'].item() == sample['gt_label'].item())
            self.results.append((sample['task'], sample['episode'], sample['instance_id'], right))

    def compute_metrics(self, results: list[tuple[str, int, str, int]]) -> dict:
        """Compute the metrics, see the class; also prints them as a table."""
        per_task, queries = episode_accuracies(results), query_accuracies(results)
        # Tasks may have different numbers of episodes only when a run was cut short, an error.
        over_tasks = np.mean(list(per_task.values()), axis=0)
        metrics = accuracy_numbers(over_tasks, list(queries.values()))
        if len(per_task) > 1:
            metrics['pooled_accuracy'] = 100 * float(np.mean([right for *_, right in results]))
        for task, accuracies in per_task.items():
            own = accuracy_numbers(accuracies, [queries[task]])
            metrics |= {f'{task}/{name}': value for name, value in own.items()}
            metrics[f'{task}/episodes'] = accuracies.tolist()
        meta = self.dataset_meta or {}
        metrics['weights'] = meta.get('weights_source', 'unknown')
        sizes = {task: len(shares) for task, shares in queries.items()}
        table = self._table(metrics, sizes, len(over_tasks), meta)
        MMLogger.get_current_instance().info(f'\n{table}')
        return metrics

    @staticmethod
    def _table(metrics: dict, queries: dict[str, int], episodes: int, meta: dict) -> str:
        drawn = 'queries, for this very support set' if episodes == 1 else 'draws and queries'
        caption = Text(
            f'± 95 % CI: over support draws, for these very queries\n95 % interval: over {drawn}\n'
        ).append(rich_text(f'backbone weights: {meta.get("weights_source")}'))
        if 'pooled_accuracy' in metrics:
            caption.append(f'\nall queries pooled: {metrics["pooled_accuracy"]:.2f}')
        title = f'{meta.get("shots", "?")}-shot accuracy (%), {episodes} episodes'
        table = Table(title=title, caption=caption)
        for name in ('task', 'classes', 'queries', 'mean', 'std', '± 95 % CI', '95 % interval'):
            table.add_column(name, justify='left' if name == 'task' else 'right')
        rows = {task: f'{task}/' for task in queries}
        if len(rows) > 1:
            rows['mean over tasks'] = ''
        classes = meta.get('task_classes', {})
        for task, prefix in rows.items():
            values = [metrics[prefix + name] for name in _NAMES]
            numbers = ['-' if value is None else f'{value:.2f}' for value in values]
            low, high = numbers[-2:]
            sizes = [str(len(classes.get(task, ())) or ''), str(queries.get(task, ''))]
            table.add_row(rich_text(task), *sizes, *numbers[:3], f'{low} to {high}')
        console = Console(width=100, color_system=None)
        with console.capture() as capture:
            console.print(table)
        return capture.get()


def episode_accuracies(results: Sequence[tuple[str, int, str, int]]) -> dict[str, np.ndarray]:
    """Compute the accuracy of every episode of every task.

    Args:
        results (Sequence): (task, episode, id of the query, 1 if right else 0) of every answer.

    Returns:
        dict[str, np.ndarray]: percent, float64, (episodes,), tasks in order of appearance.
    """
    return _accuracies((task, episode, right) for task, episode, _, right in results)


def query_accuracies(results: Sequence[tuple[str, int, str, int]]) -> dict[str, np.ndarray]:
    """Compute the share of right answers to every query of every task, over the episodes.

    Args:
        results (Sequence): see :func:`episode_accuracies`.

    Returns:
        dict[str, np.ndarray]: percent, float64, (queries,), tasks in order of appearance.
    """
    return _accuracies((task, query, right) for task, _, query, right in results)


def _accuracies(results: Iterable[tuple]) -> dict[str, np.ndarray]:
    grouped: dict[str, dict] = defaultdict(lambda: defaultdict(list))
    for task, group, right in results:
        grouped[task][group].append(right)
    return {
        task: np.array([100 * sum(r) / len(r) for _, r in sorted(groups.items())])
        for task, groups in grouped.items()
    }


def accuracy_numbers(
    episodes: np.ndarray, queries: Sequence[np.ndarray]
) -> dict[str, float | None]:
    """Compute mean, spread and intervals of an accuracy, by their names among the metrics.

    Args:
        episodes (np.ndarray): accuracy of every episode, percent, (E,); of several tasks the mean.
        queries (Sequence[np.ndarray]): of every task, accuracy of every query, percent, (Q,).

    Returns:
        dict[str, float | None]: percent, see :class:`FewShotAccuracy`.
    """
    bounds = total_interval(episodes / 100, [shares / 100 for shares in queries])
    low, high = (100 * bound for bound in bounds)
    mean, *spread = summary(episodes)
    if len(episodes) == 1:
        spread = [None, None]
    values = (mean, *spread, (high - low) / 2, low, high)
    return dict(zip(_NAMES, values, strict=True))


def summary(accuracies: np.ndarray) -> tuple[float, float, float]:
    """Compute mean, sample standard deviation and half width of the mean's 95 % interval.

    Args:
        accuracies (np.ndarray): float, (episodes,).

    Returns:
        tuple[float, float, float]: in the unit of the input; the last two are 0 for one episode.
    """
    mean = float(np.mean(accuracies))
    if len(accuracies) == 1:
        return mean, 0.0, 0.0
    deviation = float(np.std(accuracies, ddof=1))
    quantile = stats.t.ppf(0.975, len(accuracies) - 1)
    return mean, deviation, float(quantile * deviation / len(accuracies) ** 0.5)
