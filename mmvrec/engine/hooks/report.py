"""A page about every test run."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from matplotlib.figure import Figure
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from PIL import Image

from mmvrec.engine.loops.few_shot_test import JudgedTask
from mmvrec.registry import HOOKS
from mmvrec.structures import UNLABELLED
from mmvrec.visualization.figures import draw_confusion
from mmvrec.visualization.instances import outlined_views
from mmvrec.visualization.report import Mistake, Picture, TaskReport, write_report
from mmvrec.visualization.summary import embedded, embedding_figure, figure_notes, recalls

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
        self._shown: dict[str, tuple[JudgedTask, list[DataSample]]] = {}
        self._unlabelled: dict[str, int] = {}

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: JudgedTask,
        outputs: Sequence[DataSample],
    ) -> None:
        """Note the answers of one task and episode."""
        if not self.enable:
            return
        task = data_batch.query.task_names[0]
        labelled = [i for i, s in enumerate(outputs) if s.gt_label.item() != UNLABELLED]
        if len(labelled) < len(outputs):
            self._unlabelled[task] = len(outputs) - len(labelled)
            data_batch = replace(data_batch, query=data_batch.query.select(labelled))
            outputs = [outputs[i] for i in labelled]
        self._answers[task] += outputs
        if data_batch.episode == 0:
            self._shown[task] = (data_batch, list(outputs))

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the page."""
        if not self.enable:
            return
        pictures = Pictures(runner)
        tasks = [self._describe(task, metrics, pictures) for task in self._answers]
        path = Path(self.out_dir or runner.log_dir) / 'report.html'
        loop = runner.test_loop
        first = next(iter(self._shown.values()))[0]
        facts = {
            'accuracy': accuracy_text(metrics, 'fewshot'),
            'config': Path(runner.cfg.filename or 'unnamed').stem,
            'head': type(first.head).__name__,
            'protocol': f'{loop.protocol.shots}-shot, {loop.protocol.episodes} episodes'
            if first.support is not None
            else 'the model of a checkpoint',
            'weights': str(metrics.get('fewshot/weights', 'unknown')),
        }
        files = write_report(path, f'mmvrec: {facts["config"]}', facts, tasks)
        for file in files:
            runner.visualizer.add_image(file.stem, np.asarray(Image.open(file).convert('RGB')))
        print_log(f'Report: {path}', logger='current')

    def _describe(self, task: str, metrics: Mapping, pictures: 'Pictures') -> TaskReport:
        answers = self._answers[task]
        names = answers[0].class_names
        labels, predictions = _labels(answers), _predictions(answers)
        unit, shown = self._shown[task]
        notes = figure_notes(names)
        if unit.support is None:
            notes.append('A checkpoint does not tell its support instances: they are not shown.')
        if task in self._unlabelled:
            notes.append(
                f'{self._unlabelled[task]} instances have no class (false alarms of a detector): '
                'they are not counted here.'
            )
        if not pictures.available:
            notes.append('Made from a feature bank: there are no pixels to show.')
        wrong = [s for s in shown if s.pred_label.item() != s.gt_label.item()]
        wrong.sort(key=lambda s: -s.pred_score.max().item())
        nearest = Neighbours(unit, self.num_nearest)
        return TaskReport(
            name=task,
            accuracy=accuracy_text(metrics, f'fewshot/{task}'),
            recalls=recalls(labels, predictions, names, len(answers) // len(shown)),
            figures={
                'confusion matrix': draw_confusion(labels, predictions, names),
                't-SNE': task_embedding(unit, shown),
            },
            mistakes=[self._mistake(s, pictures, nearest) for s in wrong[: self.max_mistakes]],
            num_mistakes=len(wrong),
            notes=notes,
        )

    @staticmethod
    def _mistake(sample: DataSample, pictures: 'Pictures', nearest: 'Neighbours') -> Mistake:
        found = nearest.of(sample.instance_id)
        return Mistake(
            query=pictures.query(sample.instance_id),
            truth=sample.class_names[sample.gt_label.item()],
            answer=sample.class_names[sample.pred_label.item()],
            confidence=sample.pred_score.max().item(),
            nearest=[pictures.support(i, f'{name}, cos {c:.3f}: {i}') for i, name, c in found],
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
        self.available = not hasattr(self._query, 'bank')
        self._positions: dict[int, dict[str, int]] = {}

    def query(self, identity: str) -> Picture:
        """A query in every size of crop."""
        return Picture(identity, self._images(self._query, identity, _QUERY_SIDE))

    def support(self, identity: str, caption: str) -> Picture:
        """A support instance in its widest crop."""
        return Picture(caption, self._images(self._support, identity, _SUPPORT_SIDE)[:1])

    def _images(self, dataset, identity: str, side: int) -> list[np.ndarray]:
        if hasattr(dataset, 'bank'):
            return []
        positions = self._positions.setdefault(
            id(dataset),
            {dataset.get_data_info(i)['instance_id']: i for i in range(len(dataset))},
        )
        return outlined_views(dataset[positions[identity]], side)


class Neighbours:
    """The support instances most similar to each query, as the head compares them.

    Args:
        unit (JudgedTask): head, support and queries; without support there are no neighbours.
        number (int): how many.
    """

    def __init__(self, unit: JudgedTask, number: int):
        self._unit = unit
        if unit.support is None:
            return
        query, support = (
            embedded(unit.head, unit.query.feats),
            embedded(unit.head, unit.support.feats),
        )
        similarity = F.normalize(query, dim=-1) @ F.normalize(support, dim=-1).T
        self._cosines, self._indices = similarity.topk(min(number, len(support)))

    def of(self, identity: str) -> list[tuple[str, str, float]]:
        """Id, class name and cosine of the neighbours of a query, the most similar first."""
        bank = self._unit.support
        if bank is None:
            return []
        row = self._unit.query.ids.index(identity)
        names = bank.class_names[bank.task_names[0]]
        return [
            (bank.ids[index], names[bank.labels[index]], cosine)
            for index, cosine in zip(
                self._indices[row].tolist(), self._cosines[row].tolist(), strict=True
            )
        ]


def task_embedding(unit: JudgedTask, samples: Sequence[DataSample]) -> Figure:
    """t-SNE of a task's support and queries; see :func:`embedding_figure`."""
    bank = unit.query
    support = (bank.feats[:0], [])
    if unit.support is not None:
        support = (unit.support.feats, unit.support.labels.tolist())
    right = [s.pred_label.item() == s.gt_label.item() for s in samples]
    names = bank.class_names[bank.task_names[0]]
    return embedding_figure(unit.head, support, (bank.feats, bank.labels.tolist()), right, names)


def accuracy_text(metrics: Mapping, prefix: str) -> str:
    """Mean, spread and intervals of an accuracy among the metrics."""
    keys = ('accuracy', 'accuracy_std', 'ci95', 'ci95_low', 'ci95_high')
    mean, std, ci95, low, high = (metrics[f'{prefix}/{key}'] for key in keys)
    spread = f' ± {std:.2f} (95 % CI over support draws ± {ci95:.2f})' if ci95 else ''
    return f'{mean:.2f} %{spread}; with other queries {low:.1f} to {high:.1f} % (95 %)'


def _labels(samples: Sequence[DataSample]) -> list[int]:
    return [sample.gt_label.item() for sample in samples]


def _predictions(samples: Sequence[DataSample]) -> list[int]:
    return [sample.pred_label.item() for sample in samples]
