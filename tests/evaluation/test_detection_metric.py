"""Numbers of a detector and a classifier together, by hand."""

import numpy as np
import pytest
import torch

from mmvrec.evaluation import DetectedDefectMetric
from mmvrec.evaluation.intervals import total_interval
from mmvrec.structures import UNLABELLED

#: Class a twice, class b once; the second a is missed, and there is a false alarm.
TRUTHS = [('1', [0, 0, 10, 10], 0), ('2', [20, 20, 30, 40], 0), ('2', [50, 0, 60, 10], 1)]
DETECTED = [('1', [0, 0, 10, 10], 0.9, 0), ('1', [70, 70, 80, 80], 0.8, None),
            ('2', [50, 0, 60, 10], 0.7, 2)]  # fmt: skip


def meta(truths=TRUTHS, detected=DETECTED, task='t') -> dict:
    return {
        'task_classes': {task: ['a', 'b']},
        'left_out': 3,
        'annotated': [
            {'task': task, 'img_path': image, 'bbox': box, 'gt_label': label, 'instance_id': str(k)}
            for k, (image, box, label) in enumerate(truths)
        ],
        'detected': {
            f'd{k}': {
                'img_path': image,
                'bbox': box,
                'det_score': score,
                'match': None if match is None else str(match),
            }
            for k, (image, box, score, match) in enumerate(detected)
        },
    }


def samples(answers, detected=DETECTED, truths=TRUTHS, episode=0, task='t', score=0.5):
    for k, (answer, (_, _, _, match)) in enumerate(zip(answers, detected, strict=True)):
        other = torch.full((2,), 1 - score)
        other[answer] = score
        yield {
            'task': task,
            'episode': episode,
            'instance_id': f'd{k}',
            'gt_label': torch.tensor([UNLABELLED if match is None else truths[match][2]]),
            'pred_label': torch.tensor([answer]),
            'pred_score': other,
        }


def evaluate(*batches, **kwargs) -> dict:
    metric = DetectedDefectMetric()
    metric.dataset_meta = meta(**kwargs)
    for batch in batches:
        metric.process(None, list(batch))
    return metric.evaluate(len(metric.results))


def test_numbers_by_hand():
    # The first a is right, the false alarm is called b, and b is taken for a.
    found = evaluate(samples([0, 1, 0]))
    assert found['fewshot/accuracy'] == pytest.approx(50)
    assert found['fewshot/found_and_right'] == pytest.approx(100 / 3)
    assert found['fewshot/recall'] == pytest.approx(200 / 3)
    assert found['fewshot/precision'] == pytest.approx(200 / 3)
    assert found['fewshot/misses'] == 1
    assert found['fewshot/false_alarms'] == 1
    # COCO takes the precision at 101 recalls. Class a: 1 up to recall 1/2; class b: none is right.
    assert found['fewshot/mAP_50'] == pytest.approx(100 * (51 / 101 + 0) / 2)
    # Boxes alone: right, false, right, of three.
    assert found['fewshot/detector_AP_50'] == pytest.approx(100 * (34 + 33 * 2 / 3) / 101)
    # All that match are equal to the annotation.
    for name in ('mAP', 'detector_AP'):
        assert found[f'fewshot/{name}'] == pytest.approx(found[f'fewshot/{name}_50'])


def test_order_is_by_the_product_of_both_scores():
    # Both are called a; the wrong one comes first, if the classifier is surer of it.
    detected = [DETECTED[0], DETECTED[2]]
    batch = list(samples([0, 0], detected))
    assert evaluate(batch, detected=detected)['fewshot/mAP_50'] == pytest.approx(50 * 51 / 101)
    batch[1]['pred_score'] = torch.tensor([1.0, 0.0])
    found = evaluate(batch, detected=detected)
    assert found['fewshot/mAP_50'] == pytest.approx(50 * 51 / 101 / 2)


def test_everything_right():
    detected = [(image, box, 0.9, k) for k, (image, box, _) in enumerate(TRUTHS)]
    found = evaluate(samples([0, 0, 1], detected), detected=detected)
    for name in ('accuracy', 'found_and_right', 'mAP', 'mAP_50', 'detector_AP', 'recall'):
        assert found[f'fewshot/{name}'] == pytest.approx(100)
    assert found['fewshot/misses'] == found['fewshot/false_alarms'] == 0


def test_inexact_boxes_count_at_low_thresholds_only():
    detected = [('1', [0, 0, 10, 8], 0.9, 0)]
    found = evaluate(samples([0], detected), detected=detected, truths=[TRUTHS[0]])
    # IoU 0.8: right at 0.5, 0.55, …, 0.8, seven of ten thresholds.
    assert found['fewshot/mAP_50'] == pytest.approx(100)
    assert found['fewshot/mAP'] == pytest.approx(70)


def test_mean_and_spread_over_episodes():
    found = evaluate(samples([0, 1, 0]), samples([0, 1, 1], episode=1))
    assert found['fewshot/accuracy'] == pytest.approx(75)
    assert found['fewshot/accuracy_std'] == pytest.approx(50 / 2**0.5)
    assert found['fewshot/t/found_and_right'] == pytest.approx((100 / 3 + 200 / 3) / 2)
    # The detector is the same in every episode.
    assert found['fewshot/detector_AP_std'] == 0
    # Of the two detections that match, one is always right and one every second time.
    low, high = total_interval(np.array([0.5, 1.0]), [np.array([1.0, 0.5])])
    for prefix in ('fewshot/', 'fewshot/t/'):
        assert found[f'{prefix}ci95_low'] == pytest.approx(100 * low)
        assert found[f'{prefix}ci95_high'] == pytest.approx(100 * high)


def test_one_episode_shows_no_spread(log_records):
    evaluate(samples([0, 1, 0]))
    rows = [line.replace('│', ' ').split() for line in log_records[-1].getMessage().splitlines()]
    assert ['right', 'of', 'those', 'found', '50.00', '-'] in rows


def test_other_test_sets_are_refused():
    metric = DetectedDefectMetric()
    metric.dataset_meta = {}
    metric.process(None, list(samples([0, 1, 0])))
    with pytest.raises(ValueError, match='of type DetectedInstances'):
        metric.evaluate(3)
