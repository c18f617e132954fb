"""Fitted classifiers of one task: fitted, adapted to another support set, and restored."""

import pytest
import torch
from engine_parts import feature_bank

from mmvrec.fewshot.calibration import fit_temperature, held_out_scores
from mmvrec.fewshot.classifier import adapt_classifier, fit_classifier, restore_head
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.fewshot.rejection import leave_one_out_threshold
from mmvrec.fewshot.support import make_support
from mmvrec.models import MVRECClassifier

SETTINGS = TrainingSettings({'optimizer': {'type': 'AdamW', 'lr': 0.01}}, max_iters=3)


def model(head='ZipAdapterFHead') -> MVRECClassifier:
    return MVRECClassifier(head={'type': head})


@pytest.fixture
def bank():
    return feature_bank(tasks=('one',), per_class=3, seed=1)


def fit(built, bank, **options):
    return fit_classifier(built, bank, SETTINGS, quantile=0.25, progress=False, **options)


def test_temperature_and_threshold_are_those_of_the_support(bank):
    built = model('ZipAdapterHead')
    plain, calibrated = fit(built, bank), fit(built, bank, calibrate=True)
    assert plain.temperature == 1
    # Each instance once by a head that has not seen it; that takes no training.
    scores = [
        fit(built, bank.select([k for k in range(len(bank)) if k != row]))
        .head.log_scores(bank.feats[[row]])
        .double()
        for row in range(len(bank))
    ]
    assert calibrated.temperature == pytest.approx(fit_temperature(torch.cat(scores), bank.labels))
    assert fit(built, bank, calibrate=None).temperature == calibrated.temperature
    assert plain.threshold == leave_one_out_threshold(plain.head, bank.feats, bank.labels, 0.25)
    assert (plain.class_names, plain.support) == (['a', 'b', 'c'], bank)


def test_a_head_that_trains_is_trained_anew_for_its_temperature(bank):
    built = model()
    plain, calibrated = fit(built, bank), fit(built, bank, calibrate=True)
    support = make_support(built, {'one': bank})
    assert plain.temperature == fit(built, bank, calibrate=None).temperature == 1
    assert plain.held_out == ()
    assert calibrated.temperature == fit_temperature(
        *held_out_scores(built.build_head, support, SETTINGS)
    )
    assert sorted(answer.id for answer in calibrated.held_out) == sorted(bank.ids)


def test_what_is_of_one_group_is_left_out_together(bank):
    built = model('ZipAdapterHead')
    # All of class a is in one group, so it is never left out; the others are alone.
    groups = ['a' if label == 0 else str(k) for k, label in enumerate(bank.labels.tolist())]
    fitted = fit(built, bank, groups=groups)
    others = [k for k, label in enumerate(bank.labels.tolist()) if label]
    assert [answer.id for answer in fitted.held_out] == [bank.ids[k] for k in others]
    alone = fit(built, bank).held_out
    assert [alone[k] for k in others] == list(fitted.held_out)
    assert fitted.estimate.not_estimated == ('a',)


def test_one_instance_of_each_class_cannot_be_calibrated(bank):
    few = bank.select([bank.labels.tolist().index(label) for label in range(3)])
    fitted = fit(model('ZipAdapterHead'), few, calibrate=None)
    assert (fitted.temperature, fitted.held_out, fitted.estimate) == (1, (), None)
    with pytest.raises(ValueError, match='only if a class has two support instances'):
        fit(model('ZipAdapterHead'), few, calibrate=True)


def test_training_moves_the_keys(bank):
    head = fit(model(), bank).head
    assert not head.training
    assert not torch.equal(head.support_keys, bank.feats.mean(1))


def test_adapted_head_keeps_what_was_learnt(bank):
    built = model()
    before = fit(built, bank, calibrate=True)
    # One instance goes and the order changes; a new one comes.
    more = feature_bank(tasks=('one',), per_class=4, seed=5)
    kept = [8, 1, 3]
    changed = type(bank)(
        feats=torch.cat([bank.feats[kept], more.feats[:1]]),
        labels=torch.cat([bank.labels[kept], more.labels[:1]]),
        tasks=['one'] * 4,
        ids=[*(bank.ids[row] for row in kept), 'new'],
        class_names=bank.class_names,
    )
    after = adapt_classifier(before, built, changed, quantile=0.25)
    assert torch.equal(after.head.support_keys[:3], before.head.support_keys[kept])
    assert torch.equal(after.head.support_keys[3], more.feats[0].mean(0))
    weight = before.head.projection.linear.weight
    assert weight.abs().max() > 0
    assert torch.equal(after.head.projection.linear.weight, weight)
    assert after.temperature == before.temperature != 1
    assert after.threshold == leave_one_out_threshold(
        after.head, changed.feats, changed.labels, 0.25
    )


def test_head_without_training_is_fitted_again(bank):
    built = model('ZipAdapterHead')
    part = bank.select(range(6))
    part.class_names['one'] = ['a', 'b']
    adapted = adapt_classifier(fit(built, bank), built, part, quantile=0.25)
    queries = feature_bank(tasks=('one',), seed=2).feats
    torch.testing.assert_close(adapted.scores(queries), fit(built, part).scores(queries))


def test_restored_head_answers_as_the_saved_one(bank):
    head = fit(model(), bank).head
    restored = restore_head(model(), bank, head.state_dict())
    queries = feature_bank(tasks=('one',), seed=2).feats
    assert torch.equal(restored.log_scores(queries), head.log_scores(queries))
    assert not restored.training


@pytest.mark.parametrize('change', ['shape', 'missing', 'foreign'])
def test_parameters_of_another_head_are_refused(bank, change):
    tensors = dict(fit(model(), bank).head.state_dict())
    if change == 'shape':
        tensors['support_keys'] = tensors['support_keys'][:-1]
    elif change == 'missing':
        del tensors['support_keys']
    else:
        tensors['other'] = torch.zeros(2)
    with pytest.raises(ValueError, match='parameters differ, as'):
        restore_head(model(), bank, tensors)
