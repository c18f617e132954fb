import json
import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MMLogger

from mmvrec.evaluation import OpenSetAUROC
from mmvrec.structures import UNLABELLED


def sample(known, similarity, unknown, score=0.9, episode=0, held_out='a', task='t') -> dict:
    return {
        'task': task,
        'episode': episode,
        'held_out': held_out,
        'gt_label': torch.tensor([0 if known else UNLABELLED]),
        'pred_score': torch.tensor([score, 1 - score]),
        'typical': similarity,
        'unknown': unknown,
    }


def evaluate(samples) -> dict:
    metric = OpenSetAUROC()
    metric.process(None, samples)
    return metric.evaluate(len(samples))


# Of the four pairs of a known and an unknown query three are in the right order.
FOUR = [
    sample(True, 0.9, False, 0.9),
    sample(True, 0.5, True, 0.6),
    sample(False, 0.6, False, 0.9),
    sample(False, 0.2, True, 0.8),
]


def test_numbers_by_hand():
    found = evaluate(FOUR)
    assert found['fewshot/auroc'] == pytest.approx(75)
    # By probability one and a half of four: 0.9 against 0.9 is a tie, against 0.8 right.
    assert found['fewshot/auroc_probability'] == pytest.approx(37.5)
    assert found['fewshot/known_rejected'] == pytest.approx(50)
    assert found['fewshot/unknown_found'] == pytest.approx(50)
    assert found['fewshot/auroc_std'] == 0
    # All of the unknown, and a third of the known.
    told = evaluate(
        [*FOUR[:2], sample(True, 0.8, False), *[{**s, 'unknown': True} for s in FOUR[2:]]]
    )
    assert told['fewshot/known_rejected'] == pytest.approx(100 / 3)
    assert told['fewshot/unknown_found'] == pytest.approx(100)


def test_each_class_left_out_counts_alone():
    # Similarities of two fits cannot be compared: here the second's are all greater.
    other = [{**s, 'held_out': 'b', 'typical': s['typical'] + 5} for s in FOUR]
    assert evaluate(FOUR + other)['fewshot/auroc'] == pytest.approx(75)


def test_spread_is_over_episodes():
    perfect = [sample(True, 1.0, False, episode=1), sample(False, 0.0, True, episode=1)]
    found = evaluate(FOUR + perfect)
    assert found['fewshot/auroc'] == pytest.approx(87.5)
    assert found['fewshot/auroc_std'] == pytest.approx(25 / 2**0.5)


def test_without_threshold_there_is_no_share():
    found = evaluate([{**s, 'unknown': None} for s in FOUR])
    assert found['fewshot/auroc'] == pytest.approx(75)
    for name in ('known_rejected', 'unknown_found'):
        assert found[f'fewshot/{name}'] is None
        assert found[f'fewshot/{name}_std'] is None
    json.dumps(found, allow_nan=False)


def test_only_one_kind_is_refused():
    for samples in (FOUR[:2], FOUR[2:]):
        with pytest.raises(ValueError, match=r"'t': [02] of 2 queries have a class"):
            evaluate(samples)


def test_a_checkpoint_is_refused():
    (first, *_) = FOUR
    with pytest.raises(ValueError, match='without a checkpoint'):
        OpenSetAUROC().process(None, [{k: v for k, v in first.items() if k != 'typical'}])


@pytest.mark.parametrize(
    ('samples', 'told'),
    [(FOUR, r'over 1 draws\): auroc 75.00, '), (None, r'over 2 draws\): auroc 87.50 ± 17.68, ')],
)
def test_the_log_tells_how_far_draws_differ(samples, told, monkeypatch):
    perfect = [sample(True, 1.0, False, episode=1), sample(False, 0.0, True, episode=1)]
    lines = []
    logger = SimpleNamespace(info=lines.append)
    monkeypatch.setattr(MMLogger, 'get_current_instance', lambda: logger)
    evaluate(samples or FOUR + perfect)
    assert re.search(told, lines[0])
