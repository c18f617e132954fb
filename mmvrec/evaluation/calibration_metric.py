"""Expected calibration error of predicted probabilities."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mmvrec.evaluation.few_shot_metric import summary
from mmvrec.registry import METRICS
from mmvrec.structures import UNLABELLED


@METRICS.register_module()
class CalibrationError(BaseMetric):
    """Expected calibration error of the predicted class's probability, in percent.

    Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), Equation 3: queries are
    sorted into bins of equal width by their score; the mean over bins, by their share of the
    queries, of the distance between accuracy and mean score. ``fewshot/ece`` is the mean over tasks
    of the mean over episodes, ``ece_std`` its sample standard deviation over episodes;
    ``confidence`` the mean score. Queries without a class are not counted.

    Args:
        bins (int): number of bins. Defaults to 15, as in the paper.
        collect_device (str): ``cpu`` or ``gpu``, as of MMEngine's metrics. Defaults to ``cpu``.
        prefix (str, optional): replaces ``fewshot``.

    Raises:
        ValueError: ``bins`` is less than 1.
    """

    default_prefix = 'fewshot'

    def __init__(self, bins: int = 15, collect_device: str = 'cpu', prefix: str | None = None):
        super().__init__(collect_device=collect_device, prefix=prefix)
        if bins < 1:
            raise ValueError(f'bins must be at least 1, got {bins}')
        self.bins = bins

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Note score and truth of each query.

        Args:
            data_batch (object): not used.
            data_samples (Sequence[dict]): with ``task``, ``episode``, ``gt_label``, ``pred_label``
                and ``pred_score``.
        """
        for sample in data_samples:
            truth = sample['gt_label'].item()
            if truth != UNLABELLED:
                row = (sample['pred_score'].max().item(), sample['pred_label'].item() == truth)
                self.results.append((sample['task'], sample['episode'], row))

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Compute the metrics, see the class."""
        rows = defaultdict(lambda: defaultdict(list))
        for task, episode, row in results:
            rows[task][episode].append(row)
        errors, confidences = [], []
        for episodes in rows.values():
            arrays = [np.array(r, float) for r in episodes.values()]
            errors.append([100 * calibration_error(*a.T, self.bins) for a in arrays])
            confidences.append([100 * a[:, 0].mean() for a in arrays])
        mean, deviation, _ = summary(np.mean(errors, axis=0))
        metrics = {'ece': mean, 'ece_std': deviation, 'confidence': float(np.mean(confidences))}
        MMLogger.get_current_instance().info(
            f'Calibration (%): ece {mean:.2f} ± {deviation:.2f}, '
            f'mean score {metrics["confidence"]:.2f}'
        )
        return metrics


def calibration_error(scores: np.ndarray, right: np.ndarray, bins: int) -> float:
    """Compute the expected calibration error.

    Args:
        scores (np.ndarray): of the predicted classes, in [0, 1], (Q,).
        right (np.ndarray): 1 where the prediction is right, (Q,).
        bins (int): bins (0, 1/bins], (1/bins, 2/bins], …

    Returns:
        float: in [0, 1].
    """
    place = np.clip(np.ceil(scores * bins) - 1, 0, bins - 1).astype(int)
    gaps = np.bincount(place, weights=right - scores, minlength=bins)
    return float(np.abs(gaps).sum() / len(scores))
