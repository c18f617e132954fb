"""Held-out scores and temperature, against plain loops."""

import numpy as np
import pytest
import torch
from engine_parts import feature_bank
from hypothesis import given
from hypothesis import strategies as st

from mmvrec.fewshot.calibration import fit_temperature, held_out_scores, leave_out_folds
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import ZipAdapterFHead, ZipAdapterHead
from mmvrec.models.heads.scores import probabilities

SETTINGS = TrainingSettings({'optimizer': {'type': 'AdamW', 'lr': 0.01}}, max_iters=3)


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(2, 6))
def test_folds(labels, folds):
    found = leave_out_folds(torch.tensor(labels, dtype=torch.long), folds)
    counts = torch.stack([*found, torch.zeros(len(labels), dtype=torch.bool)]).sum(0).tolist()
    # All but the only instance of a class are left out once.
    assert counts == [int(labels.count(label) > 1) for label in labels]
    for out in found:
        assert out.any()
        for label in set(labels):
            of_class = [
                is_out for is_out, own in zip(out.tolist(), labels, strict=True) if own == label
            ]
            # Something of every class stays, and its share is even.
            assert not all(of_class)
            assert sum(of_class) <= -(-len(of_class) // folds)


def support_set(per_class=3, **kwargs) -> SupportSet:
    bank = feature_bank(tasks=('one',), per_class=per_class, **kwargs)
    return SupportSet(bank.feats, bank.labels, bank.label_space)


@pytest.mark.parametrize('head', [ZipAdapterHead, ZipAdapterFHead])
def test_held_out_scores_are_those_of_heads_without_the_instance(head):
    support = support_set(spread=1.0)
    torch.manual_seed(0)
    scores, labels = held_out_scores(head, support, SETTINGS)
    assert scores.shape == (9, 3)
    assert labels.tolist() == [0, 1, 2] * 3
    # Fold 1 leaves the second instance of each class out.
    rest = [0, 2, 3, 5, 6, 8]
    if head is ZipAdapterHead:
        expected = head().fit(support.feats[rest], support.labels[rest], 3)
        torch.testing.assert_close(scores[3:6], expected.log_scores(support.feats[[1, 4, 7]]))
    whole = head().fit(support.feats, support.labels, 3)
    order = [0, 3, 6, 1, 4, 7, 2, 5, 8]
    assert not torch.allclose(scores, whole.log_scores(support.feats[order]))


def test_one_shot_cannot_be_calibrated():
    with pytest.raises(ValueError, match='only if a class has two support instances'):
        held_out_scores(ZipAdapterHead, support_set(per_class=1), SETTINGS)


def test_temperature_of_scores_that_are_too_sure():
    # Scores of 0.99 that are right in 80 of 100 cases.
    scores = torch.tensor([[0.99, 0.01]]).log().repeat(100, 1)
    labels = torch.tensor([0] * 80 + [1] * 20)
    temperature = fit_temperature(scores, labels)
    assert float(probabilities(scores[0], temperature)[0]) == pytest.approx(81 / 102, abs=1e-6)
    assert temperature == pytest.approx(np.log(99) / np.log(81 / 21), rel=1e-5)


@given(st.integers(0, 1000), st.floats(0.3, 8))
def test_mean_score_is_the_share_of_right_answers(seed, sharpness):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(40, 4, generator=generator, dtype=torch.float64) * sharpness
    labels = torch.where(torch.rand(40, generator=generator) < 0.7, logits.argmax(1), 0)
    right = int(logits.argmax(1).eq(labels).sum())
    temperature = fit_temperature(logits, labels)
    tempered = (logits / temperature).softmax(1).amax(1).mean()
    assert float(tempered) == pytest.approx((right + 1) / 42, abs=1e-6)


def test_a_few_right_answers_do_not_make_certain():
    scores = torch.tensor([[0.6, 0.2, 0.2]]).log().repeat(5, 1)
    tempered = probabilities(scores, fit_temperature(scores, torch.zeros(5, dtype=torch.long)))
    assert float(tempered[0, 0]) == pytest.approx(6 / 7, abs=1e-4)


@pytest.mark.parametrize(('scores', 'label', 'expected'), [
    # Equal scores cannot be made sharper; with all answers wrong none can be flat enough.
    ([0.25, 0.25, 0.25, 0.25], 0, 1e-4),
    ([0.7, 0.3, 0.0, 0.0], 1, 1e2),
])  # fmt: skip
def test_temperatures_have_limits(scores, label, expected):
    scores = torch.tensor([scores]).log().repeat(30, 1)
    assert fit_temperature(scores, torch.full((30,), label)) == expected


@pytest.mark.parametrize('exponent', [-4, -10, -25])
def test_logits_that_are_nearly_equal_are_calibrated_too(exponent):
    logits = torch.tensor([[1.0, 0.0, 0.2]]).double().repeat(8, 1) * 10.0**exponent
    temperature = fit_temperature(logits, torch.zeros(8, dtype=torch.long))
    assert float(probabilities(logits, temperature)[0, 0]) == pytest.approx(0.9, abs=1e-5)


def test_temperature_divides_the_logarithms():
    scores = torch.tensor([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    flat, sharp = (probabilities(scores.log(), t) for t in (4.0, 0.25))
    torch.testing.assert_close(flat[0], scores[0] ** 0.25 / (scores[0] ** 0.25).sum())
    torch.testing.assert_close(sharp[0], scores[0] ** 4 / (scores[0] ** 4).sum())
    for changed in (flat, sharp):
        assert changed[1].tolist() == [1, 0, 0]
