"""Answers held out, and the score from which on answers are sure."""

import pytest
import torch

from mmvrec.fewshot.held_out import HeldOutAnswer, held_out_answers, scarcest_class
from mmvrec.structures import FeatureBank


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
