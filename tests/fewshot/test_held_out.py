"""Answers held out, and the score from which on answers are sure."""

import pytest
import torch

from mmvrec.fewshot.held_out import HeldOutAnswer, held_out_answers, scarcest_class, sure_threshold
from mmvrec.structures import FeatureBank


def answers(*pairs: tuple[float, bool]) -> list[HeldOutAnswer]:
    return [HeldOutAnswer(str(k), 'a', 'a' if r else 'b', s) for k, (s, r) in enumerate(pairs)]


@pytest.mark.parametrize(
    ('pairs', 'max_error', 'threshold'),
    [
        ([(0.9, True), (0.8, True), (0.7, False), (0.6, True)], 0.0, 0.8),
        ([(0.9, True), (0.8, True), (0.7, False), (0.6, True)], 0.25, 0.6),
        ([(0.9, True), (0.8, True), (0.7, False), (0.6, True)], 0.3, 0.6),
        ([(0.9, True), (0.8, False), (0.8, True), (0.7, True)], 0.0, 0.9),
        # One wrong answer among the surest of two with the same score: neither is sure.
        ([(0.9, False), (0.9, True)], 0.02, None),
        ([(0.9, False), (0.8, True)], 0.5, 0.8),
        ([], 0.02, None),
    ],
)
def test_sure_threshold(pairs, max_error, threshold):
    assert sure_threshold(answers(*pairs), max_error) == threshold
    assert sure_threshold(answers(*reversed(pairs)), max_error) == threshold


def test_the_threshold_is_the_lowest_that_keeps_its_promise():
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(300, generator=generator).mul(50).round().div(50)
    right = torch.rand(300, generator=generator) < 0.5 + scores / 2
    pairs = list(zip(scores.tolist(), right.tolist(), strict=True))
    for max_error in (0.0, 0.02, 0.1, 0.2):
        keeps = [
            s
            for s in scores.unique().tolist()
            if (~right[scores >= s]).double().mean() <= max_error
        ]
        assert sure_threshold(answers(*pairs), max_error) == (min(keeps) if keeps else None)


def test_answers_of_log_scores():
    bank = FeatureBank.of_task('t', torch.ones(3, 1, 2), ['a', 'b', 'b'], ['x', 'y', 'z'])
    scores = torch.tensor([[0.9, 0.1], [0.2, 0.8]]).log()
    found = held_out_answers(bank, [2, 1], scores, 1.0)
    assert [(a.id, a.label, a.predicted) for a in found] == [('z', 'b', 'a'), ('y', 'b', 'b')]
    assert [a.score for a in found] == pytest.approx([0.9, 0.8])
    # Divided by 2, the logits are those of square roots.
    (sharp, _) = held_out_answers(bank, [2, 1], scores, 2.0)
    assert sharp.score == pytest.approx(0.9**0.5 / (0.9**0.5 + 0.1**0.5))


def test_the_class_to_label_next():
    labels = ['a'] * 5 + ['b'] * 5 + ['c'] * 2
    right = [HeldOutAnswer(str(k), name, name, 1.0) for k, name in enumerate(labels)]
    # Two right answers are less than five.
    assert scarcest_class(right, labels) == 'c'
    wrong = [HeldOutAnswer(a.id, a.label, 'a', 1.0) for a in right if a.label == 'b']
    assert scarcest_class([a for a in right if a.label != 'b'] + wrong, labels) == 'b'
    # A class that could not be left out at all.
    assert scarcest_class(right[:5], labels[:6]) == 'b'
