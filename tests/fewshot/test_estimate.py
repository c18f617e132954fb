"""What a support set tells of its own classifier."""

import json

import pytest
import torch
from head_battery import draw, few_shot

from mmvrec.fewshot import learning_curve as curves
from mmvrec.fewshot.calibration import fit_temperature
from mmvrec.fewshot.estimate import estimate
from mmvrec.fewshot.expected_accuracy import (
    CONFIDENCE_SOFTNESS,
    SOFTNESS,
    expected_accuracy,
    expected_right,
    with_confidence,
)
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.label_errors import suspected_label_errors
from mmvrec.models.heads import KNNHead, RegionGaussianHead, ZipAdapterFHead
from mmvrec.structures import FeatureBank

NAMES = ['crack', 'dent', 'hole', 'spur']


def bank_of(feats, labels) -> FeatureBank:
    ids = [f'{NAMES[label]} {i}' for i, label in enumerate(labels.tolist())]
    return FeatureBank(feats, labels, ['sheet'] * len(ids), ids, {'sheet': NAMES})


def noisy(shots=6, seed=0, spread=2.5):
    return bank_of(*few_shot(4, shots, seed=seed, spread=spread))


def fit(bank, kind=RegionGaussianHead):
    return kind().fit(bank.feats, bank.labels, 4).eval()


@pytest.mark.parametrize('kind', [RegionGaussianHead, KNNHead])
def test_every_number_by_refits(kind):
    bank = noisy()
    found = estimate(fit(bank, kind), bank)
    scores = []
    for i in range(len(bank)):
        rest = bank.select([j for j in range(len(bank)) if j != i])
        scores.append(fit(rest, kind).log_scores(bank.feats[i : i + 1]))
    scores = torch.cat(scores)
    right = expected_right(scores, bank.labels)
    wrong = 1 - right
    assert found.curve.errors[-1] == pytest.approx(wrong.mean().item(), abs=1e-3)
    right = 1 - (wrong * found.curve.error_at(6) / wrong.mean()).clamp(max=1)
    right = with_confidence(right, scores, bank.labels)
    assert found.accuracy.value == pytest.approx(right.mean().item(), abs=1e-3)
    assert found.temperature == pytest.approx(fit_temperature(scores, bank.labels), rel=1e-2)
    for k, name in enumerate(NAMES):
        own = right[bank.labels == k]
        assert found.recalls[name].value == pytest.approx(own.mean().item(), abs=1e-3)
        assert found.recalls[name].number == 6
    wrong = (scores.argmax(1) != bank.labels).nonzero().flatten().tolist()
    assert {error.id for error in found.label_errors} == {bank.ids[i] for i in wrong}
    assert sum(pair.count for pair in found.confusions) == len(wrong) > 0
    for pair in found.confusions:
        a, b = NAMES.index(pair.label), NAMES.index(pair.taken_for)
        assert pair.count == ((bank.labels == a) & (scores.argmax(1) == b)).sum()
        assert pair.number == 6
    assert found.not_estimated == ()


def test_it_is_json():
    content = json.loads(json.dumps(estimate(fit(noisy()), noisy()).to_dict(), allow_nan=False))
    assert set(content['accuracy']) == {'value', 'low', 'high', 'number'}
    assert set(content['recalls']) == set(NAMES)
    assert content['curve']['shots'] == pytest.approx([1, 2, 3, 4, 5, 5])


def test_classes_of_one_instance_are_named():
    bank = noisy()
    alone = bank.select([0, *range(6, 24)])
    found = estimate(fit(alone), alone)
    assert found.not_estimated == ('crack',)
    assert set(found.recalls) == set(NAMES[1:])
    assert found.accuracy.number == 18
    assert found.curve is None
    single = bank.select([0, 6, 12, 18])
    assert estimate(fit(single), single) is None
    same = FeatureBank.of_task('sheet', bank.feats[:6], ['crack'] * 6, bank.ids[:6])
    head = RegionGaussianHead().fit(same.feats, same.labels, 1)
    assert estimate(head, same) is None


def test_instances_of_one_image_are_left_out_together():
    """Copies would vouch for each other."""
    bank = noisy(shots=3, spread=6)
    twice = FeatureBank(
        bank.feats.repeat(2, 1, 1),
        bank.labels.repeat(2),
        bank.tasks * 2,
        [f'{i} {n}' for n in 'ab' for i in bank.ids],
        dict(bank.class_names),
    )
    head = fit(twice)
    alone, grouped = estimate(head, twice), estimate(head, twice, groups=bank.ids * 2)
    assert grouped.accuracy.value < alone.accuracy.value - 0.1, (grouped, alone)
    assert alone.curve is not None and grouped.curve is None


def test_an_instance_at_the_border_counts_half():
    scores = torch.tensor([[1.0, 1.0], [4.0, 0.0], [0.0, 4.0], [3.0, 0.0]]).double()
    right = expected_right(scores, torch.tensor([0, 0, 0, 0]))
    spread = SOFTNESS * torch.tensor([0.0, 4.0, -4.0, 3.0]).double().std()
    expected = torch.special.ndtr(torch.tensor([0.0, 4.0, -4.0, 3.0]).double() / spread)
    torch.testing.assert_close(right, expected)
    assert right[0] == 0.5


def test_confidence_counts_as_ten_instances():
    """Of 5 instances that were all wrong: with 10 whose share right is the mean confidence."""
    scores = torch.tensor([[4.0, 0.0], [3.0, 0.0], [2.0, 0.0], [1.0, 0.0], [0.0, 0.0]]).double()
    labels = torch.zeros(5, dtype=torch.int64)
    scale = CONFIDENCE_SOFTNESS * scores[:, 0].std()
    sure = torch.sigmoid(scores[:, 0] / scale)
    found = with_confidence(torch.zeros(5).double(), scores, labels)
    torch.testing.assert_close(found, sure * 10 / 15)
    # What is known and sure stays; with many instances the count is all that counts.
    torch.testing.assert_close(with_confidence(sure, scores, labels), sure)
    many = with_confidence(torch.zeros(5000), scores.repeat(1000, 1), labels.repeat(1000))
    assert many.max() < 0.002


def test_classes_count_equally():
    right = torch.tensor([1.0, 1.0, 1.0, 0.5])
    share = expected_accuracy(right, torch.tensor([0, 0, 0, 1]))
    assert share.value == pytest.approx(0.75)
    assert share.low < 0.75 < share.high
    assert share.number == 4


def test_label_errors_by_hand():
    scores = torch.log(torch.tensor([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]]))
    errors = suspected_label_errors(scores, torch.tensor([0, 0, 1]), NAMES, ['a', 'b', 'c'])
    assert [(e.id, e.given, e.contradicting) for e in errors] == [
        ('b', 'crack', 'dent'),
        ('c', 'dent', 'hole'),
    ]
    expected = torch.log(torch.tensor([0.5 / 0.2, 0.6 / 0.3])).tolist()
    assert [e.margin for e in errors] == pytest.approx(expected, rel=1e-5)


def test_swapped_labels_come_first():
    feats, labels = few_shot(4, 8, spread=1.0)
    wrong = [3, 12, 25]
    given = labels.clone()
    given[wrong] = (given[wrong] + 1) % 4
    bank = bank_of(feats, given)
    found = estimate(fit(bank), bank).label_errors
    assert {error.id for error in found[:3]} == {bank.ids[i] for i in wrong}
    for error in found[:3]:
        assert error.contradicting == NAMES[labels[bank.ids.index(error.id)]]


def test_more_labels_are_expected_to_help():
    bank = noisy(shots=6)
    found = estimate(fit(bank), bank)
    assert found.curve.errors[0] > found.curve.errors[4]
    assert 0 < found.curve.slope <= 1
    assert found.accuracy.value < found.with_more.value < 1
    assert found.with_more.low < found.with_more.value < found.with_more.high
    assert 'with 5 more per class expect ' in str(found)


def test_the_line_is_drawn_on(monkeypatch):
    """Errors of exactly 0.6 / shots: with twice the shots half the error, and no doubt of it."""
    monkeypatch.setattr(curves, '_subset_error', lambda *args: 0.6 / args[3])
    labels = torch.arange(2).repeat_interleave(4)
    curve = curves.learning_curve(KNNHead(), draw(8, 1, 4), labels, 0.2)
    assert curve.shots == pytest.approx((1, 2, 3, 3))
    assert curve.errors == pytest.approx((0.6, 0.3, 0.2, 0.2))
    assert (curve.slope, curve.slope_error) == pytest.approx((1, 0))
    assert curve.error_at(4) == pytest.approx(0.15)
    share = expected_accuracy(torch.full((8,), 0.85), labels)
    more = curves.with_more(curve, share, 4, 4)
    assert more.value == pytest.approx(1 - 0.075)
    assert more.low == pytest.approx(more.value - (0.85 - share.low) / 2)


def test_too_few_for_a_curve():
    bank = noisy(shots=2)
    found = estimate(fit(bank), bank)
    assert (found.curve, found.with_more) == (None, None)
    assert 'it takes 3 instances of each class' in str(found)


def test_heads_that_train_are_refused():
    bank = noisy(shots=2)
    head = ZipAdapterFHead().fit(bank.feats, bank.labels, 4)
    with pytest.raises(NotImplementedError, match='ZipAdapterFHead is trained after its fit'):
        estimate(head, bank)


def test_it_travels_with_the_classifier():
    bank = noisy()
    head = fit(bank)
    found = estimate(head, bank)
    fitted = FittedClassifier(head, bank.label_space, bank, found.temperature, estimate=found)
    assert fitted.estimate is found
