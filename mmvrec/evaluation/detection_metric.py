"""Accuracy and average precision of a detector and a classifier together."""

import contextlib
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rich.console import Console
from rich.table import Table

from mmvrec.evaluation.few_shot_metric import accuracy_numbers, query_accuracies, summary
from mmvrec.registry import METRICS
from mmvrec.structures import UNLABELLED
from mmvrec.utils.text import rich_text

#: Numbers of one task in one episode: name, and what it is in the table.
_NUMBERS = {
    'accuracy': 'right of those found',
    'found_and_right': 'found and right of all',
    'mAP': 'mAP 50:95',
    'mAP_50': 'mAP 50',
    'detector_AP': 'boxes alone, 50:95',
    'detector_AP_50': 'boxes alone, 50',
}


@METRICS.register_module()
class DetectedDefectMetric(BaseMetric):
    """Evaluates the classes of detections, and of detector and classifier together.

    For test sets of type :class:`DetectedInstances`. In percent, mean over tasks of the mean over
    episodes, each also with ``…_std`` (over episodes, of the mean over tasks):

    - ``fewshot/accuracy``: right classes among detections that match an annotated instance;
    - ``fewshot/found_and_right``: annotated instances that are matched and classified rightly;
    - ``fewshot/mAP`` and ``mAP_50``: COCO's average precision of boxes (mean of IoU 0.5 to 0.95;
      IoU 0.5), mean over classes; a detection has the predicted class, its score is the
      detector's times the probability of the class;
    - ``fewshot/detector_AP`` and ``detector_AP_50``: the same of the boxes with the detector's
      scores, classes not looked at.

    Of the detector, in percent or as numbers over all tasks: ``recall``, ``precision``, ``misses``,
    ``false_alarms``, and ``left_out`` (detections on images outside the split).
    ``fewshot/ci95`` and ``ci95_…`` are those of the accuracy, see :class:`FewShotAccuracy`; those
    of each task follow as ``fewshot/<task>/…``.

    Args:
        collect_device, prefix, collect_dir: as of MMEngine's ``BaseMetric``; ``prefix`` replaces
            ``fewshot``.
    """

    default_prefix = 'fewshot'

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Note what each detection is taken for.

        Args:
            data_batch (object): not used.
            data_samples (Sequence[dict]): with ``task``, ``episode``, ``instance_id``,
                ``gt_label``, ``pred_label``, ``pred_score``.
        """
        for sample in data_samples:
            answer = {
                'id': sample['instance_id'],
                'truth': sample['gt_label'].item(),
                'label': sample['pred_label'].item(),
                'score': sample['pred_score'].max().item(),
            }
            self.results.append((sample['task'], sample['episode'], answer))

    def compute_metrics(self, results: list[tuple[str, int, dict]]) -> dict:
        """Compute the metrics, see the class; also prints them as a table.

        Raises:
            ValueError: the test set is not of type :class:`DetectedInstances`.
        """
        if 'detected' not in (self.dataset_meta or {}):
            raise ValueError(
                'DetectedDefectMetric needs a test_dataloader.dataset of type DetectedInstances'
            )
        answers: dict[str, dict[int, list[dict]]] = defaultdict(lambda: defaultdict(list))
        matched: list[tuple[str, int, str, int]] = []
        for task, episode, answer in results:
            answers[task][episode].append(answer)
            if answer['truth'] != UNLABELLED:
                right = int(answer['truth'] == answer['label'])
                matched.append((task, episode, answer['id'], right))
        tasks = {
            task: TaskDetections(task, self.dataset_meta).evaluate(list(episodes.values()))
            for task, episodes in answers.items()
        }
        queries = query_accuracies(matched)
        over_tasks = {
            name: np.mean([numbers[name] for numbers in tasks.values()], axis=0)
            for name in _NUMBERS
        }
        shares = {task: queries.get(task, np.zeros(1)) for task in tasks}
        metrics = _summaries(over_tasks, list(shares.values()))
        for task, numbers in tasks.items():
            own = _summaries(numbers, [shares[task]])
            metrics |= {f'{task}/{name}': value for name, value in own.items()}
        metrics |= detector_numbers(self.dataset_meta['detected'], self.dataset_meta['annotated'])
        metrics['left_out'] = self.dataset_meta['left_out']
        number = len(next(iter(answers.values())))
        metrics['weights'] = self.dataset_meta.get('weights_source', 'unknown')
        MMLogger.get_current_instance().info('\n' + self._table(metrics, self.dataset_meta, number))
        return metrics

    @staticmethod
    def _table(metrics: Mapping, meta: Mapping, episodes: int) -> str:
        caption = rich_text(
            f'detector: {metrics["misses"]} misses, {metrics["false_alarms"]} false alarms, '
            f'{metrics["left_out"]} detections outside the split left out; '
            f'backbone weights: {meta.get("weights_source")}; accuracy with other draws and '
            f'detections {metrics["ci95_low"]:.1f} to {metrics["ci95_high"]:.1f} (95 %)'
        )
        table = Table(title=f'{meta.get("shots", "?")}-shot on detections (%)', caption=caption)
        table.add_column('')
        for name in ('mean', 'std'):
            table.add_column(name, justify='right')
        for name, title in _NUMBERS.items():
            spread = '-' if episodes == 1 else f'{metrics[f"{name}_std"]:.2f}'
            table.add_row(title, f'{metrics[name]:.2f}', spread)
        console = Console(width=100, color_system=None)
        with console.capture() as capture:
            console.print(table)
        return capture.get()


def detector_numbers(detected: Mapping[str, Mapping], annotated: Sequence[Mapping]) -> dict:
    """Count what the detector finds over all tasks, whatever the classes.

    Args:
        detected (Mapping): detections by instance id, with ``match``, None for a false alarm.
        annotated (Sequence): annotated instances.

    Returns:
        dict: ``recall`` and ``precision`` in percent, ``misses`` and ``false_alarms``.
    """
    matched = sum(one['match'] is not None for one in detected.values())
    return {
        'recall': 100 * matched / len(annotated),
        'precision': 100 * matched / len(detected),
        'misses': len(annotated) - matched,
        'false_alarms': len(detected) - matched,
    }


def _summaries(
    numbers: Mapping[str, np.ndarray], queries: Sequence[np.ndarray]
) -> dict[str, float | None]:
    """Compute means and spreads over episodes, and the intervals of the accuracy."""
    metrics = accuracy_numbers(numbers['accuracy'], queries)
    for name in _NUMBERS:
        mean, deviation, _ = summary(numbers[name])
        metrics |= {name: mean, f'{name}_std': deviation if len(numbers[name]) > 1 else None}
    return metrics


class TaskDetections:
    """Annotations and detections of one task, for COCO's evaluation.

    Args:
        task (str): the task.
        meta (Mapping): ``annotated``, ``detected`` and ``task_classes``, see
            :class:`DetectedInstances`.
    """

    def __init__(self, task: str, meta: Mapping):
        self.detected = meta['detected']
        self.truths = [one for one in meta['annotated'] if one['task'] == task]
        paths = [one['img_path'] for one in self.truths]
        paths += [one['img_path'] for one in self.detected.values()]
        self.image_ids = {path: number for number, path in enumerate(dict.fromkeys(paths), 1)}
        self.coco = COCO()
        self.coco.dataset = {
            'images': [{'id': number} for number in self.image_ids.values()],
            'categories': [
                {'id': number, 'name': name}
                for number, name in enumerate(meta['task_classes'][task], 1)
            ],
            'annotations': [
                {
                    'id': number,
                    'image_id': self.image_ids[one['img_path']],
                    'category_id': one['gt_label'] + 1,
                    'bbox': _xywh(one['bbox']),
                    'area': float(np.prod(_xywh(one['bbox'])[2:])),
                    'iscrowd': 0,
                }
                for number, one in enumerate(self.truths, 1)
            ],
        }
        with contextlib.redirect_stdout(io.StringIO()):
            self.coco.createIndex()

    def evaluate(self, episodes: Sequence[Sequence[dict]]) -> dict[str, np.ndarray]:
        """Compute the numbers of every episode, percent, float64, (episodes,).

        Args:
            episodes (Sequence): answers of each: ``id``, ``truth``, ``label``, ``score``.
        """
        alone = [{'id': a['id'], 'label': 0, 'score': 1.0} for a in episodes[0]]
        detector = self._precision(alone, by_class=False)
        rows = []
        for answers in episodes:
            known = [a for a in answers if a['truth'] != UNLABELLED]
            right = sum(a['truth'] == a['label'] for a in known)
            rows.append(
                (
                    right / max(len(known), 1),
                    right / len(self.truths),
                    *self._precision(answers, by_class=True),
                    *detector,
                )
            )
        columns = 100 * np.array(rows).T
        return dict(zip(_NUMBERS, columns, strict=True))

    def _precision(self, answers: Sequence[dict], by_class: bool) -> tuple[float, float]:
        """Compute COCO's average precision, mean of IoU 0.5 to 0.95, and at 0.5; shares."""
        results = []
        for answer in answers:
            one = self.detected[answer['id']]
            results.append(
                {
                    'image_id': self.image_ids[one['img_path']],
                    'category_id': answer['label'] + 1,
                    'bbox': _xywh(one['bbox']),
                    'score': one['det_score'] * answer['score'],
                }
            )
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(self.coco, self.coco.loadRes(results), 'bbox')
            evaluation.params.useCats = int(by_class)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return float(evaluation.stats[0]), float(evaluation.stats[1])


def _xywh(bbox: Sequence[float]) -> list[float]:
    x1, y1, x2, y2 = bbox
    return [x1, y1, x2 - x1, y2 - y1]
