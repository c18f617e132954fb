"""Few-shot accuracy: mean, spread and confidence over episodes."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from rich.console import Console
from rich.table import Table
from scipy import stats

from mmvrec.registry import METRICS
from mmvrec.structures import UNLABELLED
from mmvrec.utils.text import rich_text


@METRICS.register_module()
class FewShotAccuracy(BaseMetric):
    """Accuracy in percent, per task and over tasks, of all queries that have a class.

    ``fewshot/accuracy`` is the mean over tasks of the mean over episodes, ``accuracy_std`` the
    sample standard deviation over episodes of the mean over tasks, ``ci95`` half the width of its
    95 % confidence interval (Student's t). Both are 0 with one episode, which has no spread. The
    same three follow per task as ``fewshot/<task>/…``, with the accuracy of every episode as
    ``fewshot/<task>/episodes``; ``fewshot/weights`` says where the backbone's weights come from.

    Args:
        collect_device (str): ``cpu`` or ``gpu``, as of MMEngine's metrics. Defaults to ``cpu``.
        prefix (str, optional): replaces ``fewshot``.
    """

    default_prefix = 'fewshot'

    def __init__(self, collect_device: str = 'cpu', prefix: str | None = None):
        super().__init__(collect_device=collect_device, prefix=prefix)

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Note whether each sample is right.

        Args:
            data_batch (object): not used.
            data_samples (Sequence[dict]): with ``task``, ``episode``, ``gt_label``, ``pred_label``.
        """
        for sample in data_samples:
            if sample['gt_label'].item() == UNLABELLED:
                continue
            right = int(sample['pred_label'].item() == sample['gt_label'].item())
            self.results.append((sample['task'], sample['episode'], right))

    def compute_metrics(self, results: list[tuple[str, int, int]]) -> dict:
        """The metrics, see the class; also prints them as a table."""
        per_task = episode_accuracies(results)
        # Tasks may have different numbers of episodes only when a run was cut short, an error.
        over_tasks = np.mean(list(per_task.values()), axis=0)
        metrics = dict(zip(('accuracy', 'accuracy_std', 'ci95'), summary(over_tasks), strict=True))
        for task, accuracies in per_task.items():
            for name, value in zip(
                ('accuracy', 'accuracy_std', 'ci95'), summary(accuracies), strict=True
            ):
                metrics[f'{task}/{name}'] = value
            metrics[f'{task}/episodes'] = accuracies.tolist()
        meta = self.dataset_meta or {}
        metrics['weights'] = meta.get('weights_source', 'unknown')
        MMLogger.get_current_instance().info('\n' + self._table(per_task, over_tasks, meta))
        return metrics

    @staticmethod
    def _table(per_task: dict[str, np.ndarray], over_tasks: np.ndarray, meta: dict) -> str:
        title = f'{meta.get("shots", "?")}-shot accuracy (%), {len(over_tasks)} episodes'
        weights = rich_text(f'backbone weights: {meta.get("weights_source")}')
        table = Table(title=title, caption=weights)
        for name in ('task', 'classes', 'mean', 'std', '± 95 % CI'):
            table.add_column(name, justify='left' if name == 'task' else 'right')
        rows = [*per_task.items()]
        if len(rows) > 1:
            rows.append(('mean over tasks', over_tasks))
        classes = meta.get('task_classes', {})
        for task, accuracies in rows:
            numbers = [f'{value:.2f}' for value in summary(accuracies)]
            if len(accuracies) == 1:
                numbers[1:] = ['-', '-']
            table.add_row(rich_text(task), str(len(classes.get(task, ())) or ''), *numbers)
        console = Console(width=100, color_system=None)
        with console.capture() as capture:
            console.print(table)
        return capture.get()


def episode_accuracies(results: Sequence[tuple[str, int, int]]) -> dict[str, np.ndarray]:
    """Accuracy of every episode of every task.

    Args:
        results (Sequence): (task, episode, 1 if right else 0) of every query.

    Returns:
        dict[str, np.ndarray]: percent, float64, (episodes,), tasks in order of appearance.
    """
    grouped: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for task, episode, right in results:
        grouped[task][episode].append(right)
    return {
        task: np.array([100 * sum(r) / len(r) for _, r in sorted(episodes.items())])
        for task, episodes in grouped.items()
    }


def summary(accuracies: np.ndarray) -> tuple[float, float, float]:
    """Mean, sample standard deviation and half width of the 95 % confidence interval of the mean.

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
