"""A page about every test run."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from PIL import Image

from mmvrec.fewshot.evaluation import EvalUnit
from mmvrec.fewshot.report import describe_task
from mmvrec.registry import HOOKS
from mmvrec.structures import UNLABELLED
from mmvrec.visualization.instances import outlined_views
from mmvrec.visualization.report import TaskReport, write_report

_QUERY_SIDE = 192
_SUPPORT_SIDE = 128


@HOOKS.register_module()
class ReportHook(Hook):
    """Write ``report.html`` after a test: what was right, what was not, and why perhaps.

    Of every task: confusion matrix and recall per class over all episodes; of episode 0 t-SNE of
    support and queries before and after the head's own projection, and the mistakes with their
    views, masks and nearest support instances. The page holds all its pictures; the figures also
    lie beside it as PNG and go to the runner's visualizer.

    ``tools/test.py CONFIG --cfg-options default_hooks.report.enable=True``

    Args:
        enable (bool): whether anything is written. Defaults to False.
        out_dir (str, optional): folder to write to. Defaults to the folder of the run's log.
        max_mistakes (int): mistakes that are shown of each task, the surest first. Defaults to 24.
        num_nearest (int): support instances shown with each. Defaults to 3.

    Raises:
        ValueError: a number is negative.
    """

    def __init__(
        self,
        enable: bool = False,
        out_dir: str | None = None,
        max_mistakes: int = 24,
        num_nearest: int = 3,
    ):
        if max_mistakes < 0 or num_nearest < 0:
            raise ValueError(
                f'max_mistakes and num_nearest must be at least 0, got {max_mistakes} and '
                f'{num_nearest}'
            )
        self.enable = enable and is_main_process()
        self.out_dir = out_dir
        self.max_mistakes = max_mistakes
        self.num_nearest = num_nearest

    def before_test(self, runner: Runner) -> None:
        """Forget an earlier test."""
        self._answers: dict[str, list[DataSample]] = defaultdict(list)
        self._shown: dict[str, EvalUnit] = {}
        self._unlabelled: dict[str, int] = {}

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: EvalUnit,
        outputs: Sequence[DataSample],
    ) -> None:
        """Note the answers of one task and episode."""
        if not self.enable:
            return
        task = data_batch.task
        labelled = [i for i, s in enumerate(outputs) if s.gt_label.item() != UNLABELLED]
        if len(labelled) < len(outputs):
            self._unlabelled[task] = len(outputs) - len(labelled)
            data_batch = replace(data_batch, query=data_batch.query.select(labelled))
            outputs = [outputs[i] for i in labelled]
        self._answers[task] += outputs
        shown = self._shown.get(task)
        # Of very many queries, which come in parts, the first.
        if data_batch.episode == 0 and (shown is None or shown.fitted is not data_batch.fitted):
            self._shown[task] = data_batch

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the page."""
        if not self.enable:
            return
        pictures = Pictures(runner)
        tasks = [self.describe(task, metrics, pictures) for task in self._answers]
        path = Path(self.out_dir or runner.log_dir) / 'report.html'
        loop = runner.test_loop
        first = next(iter(self._shown.values()))
        facts = {
            'accuracy': accuracy_text(metrics, 'fewshot'),
            'config': Path(runner.cfg.filename or 'unnamed').stem,
            'head': type(first.fitted.head).__name__,
            'protocol': f'{loop.protocol.shots}-shot, {loop.protocol.episodes} episodes'
            if first.fitted.support is not None
            else 'the model of a checkpoint',
            'weights': str(metrics.get('fewshot/weights', 'unknown')),
        }
        files = write_report(path, f'mmvrec: {facts["config"]}', facts, tasks)
        for file in files:
            runner.visualizer.add_image(file.stem, np.asarray(Image.open(file).convert('RGB')))
        print_log(f'Report: {path}', logger='current')

    def describe(self, task: str, metrics: Mapping, pictures: 'Pictures') -> TaskReport:
        """Describe one task: its answers of all episodes, its support and mistakes of the first."""
        answers = self._answers[task]
        unit = self._shown[task]
        notes = []
        if unit.fitted.support is None:
            notes.append('A checkpoint does not tell its support instances: they are not shown.')
        if task in self._unlabelled:
            notes.append(
                f'{self._unlabelled[task]} instances have no class (false alarms of a detector): '
                'they are not counted here.'
            )
        if not pictures.available:
            notes.append('Made from a feature bank: there are no pixels to show.')
        labels = [sample.gt_label.item() for sample in answers]
        classes = [sample.pred_label.item() for sample in answers]
        return describe_task(
            unit.fitted,
            unit.query,
            unit.fitted.predict(unit.query.feats, self.num_nearest),
            pictures,
            accuracy_text(metrics, f'fewshot/{task}'),
            (labels, classes),
            self.max_mistakes,
            notes,
        )


class Pictures:
    """Pictures of instances by id, made from the datasets of a test run.

    Args:
        runner (Runner): whose test loop has run.
    """

    def __init__(self, runner: Runner):
        self._query = runner.test_loop.dataloader.dataset
        self._support = runner.test_loop.support_dataset
        #: Whether there are pixels.
        self.available = self._query.bank is None
        self._positions: dict[int, dict[str, int]] = {}

    def query(self, identity: str) -> list[np.ndarray]:
        """Draw a query in every size of crop."""
        return self._images(self._query, identity, _QUERY_SIDE)

    def support(self, identity: str) -> list[np.ndarray]:
        """Draw a support instance in its widest crop."""
        return self._images(self._support, identity, _SUPPORT_SIDE)[:1]

    def _images(self, dataset, identity: str, side: int) -> list[np.ndarray]:
        if dataset.bank is not None:
            return []
        positions = self._positions.setdefault(
            id(dataset),
            {dataset.get_data_info(i)['instance_id']: i for i in range(len(dataset))},
        )
        return outlined_views(dataset[positions[identity]], side)


def accuracy_text(metrics: Mapping, prefix: str) -> str:
    """Write mean, spread and intervals of an accuracy among the metrics as text."""
    keys = ('accuracy', 'accuracy_std', 'ci95', 'ci95_low', 'ci95_high')
    mean, std, ci95, low, high = (metrics[f'{prefix}/{key}'] for key in keys)
    spread = f' ± {std:.2f} (95 % CI over support draws ± {ci95:.2f})' if ci95 else ''
    return f'{mean:.2f} %{spread}; with other queries {low:.1f} to {high:.1f} % (95 %)'
