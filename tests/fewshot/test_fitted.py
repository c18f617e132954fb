"""A fitted classifier and what it tells of an instance."""

import json

import pytest
import torch
from engine_parts import feature_bank

from mmvrec.fewshot import evaluation, fitted
from mmvrec.fewshot.evaluation import EvalUnit, evaluate_task
from mmvrec.fewshot.fitted import FittedClassifier, Neighbour
from mmvrec.fewshot.rejection import leave_one_out_threshold
from mmvrec.models.heads import RegionGaussianHead, ZipAdapterFHead


@pytest.fixture
def support():
    return feature_bank(tasks=('one',), per_class=3, seed=1)


@pytest.fixture
def query():
    return feature_bank(tasks=('one',), per_class=2, seed=2)


def fitted_on(bank, **fields):
    head = ZipAdapterFHead().fit(bank.feats, bank.labels, bank.label_space.num_classes)
    return FittedClassifier(head.eval(), bank.label_space, bank, **fields)


def test_prediction_by_hand(support, query):
    fitted = fitted_on(support, threshold=0.5, temperature=2.0)
    predictions = fitted.predict(query.feats, neighbours=2)
    with torch.no_grad():
        scores = fitted.head.predict(query.feats, 2.0)
    names = support.class_names['one']
    for index, prediction in enumerate(predictions):
        cosines = torch.cosine_similarity(
            query.feats[index].mean(0, keepdim=True), support.feats.mean(1), dim=1
        )
        order = cosines.argsort(descending=True).tolist()
        assert prediction.label == names[scores[index].argmax()]
        assert prediction.score == max(prediction.scores.values())
        assert list(prediction.scores) == names
        assert list(prediction.scores.values()) == pytest.approx(scores[index].tolist())
        assert prediction.similarity == pytest.approx(cosines.max().item(), abs=1e-6)
        assert prediction.unknown == (prediction.similarity < 0.5)
        assert [near.id for near in prediction.neighbours] == [support.ids[k] for k in order[:2]]
        assert [near.label for near in prediction.neighbours] == [
            names[support.labels[k]] for k in order[:2]
        ]
        assert [near.similarity for near in prediction.neighbours] == pytest.approx(
            cosines[order[:2]].tolist(), abs=1e-6
        )


def test_prediction_is_json(support, query):
    prediction = fitted_on(support).predict(query.feats[:1], neighbours=1)[0]
    content = json.loads(json.dumps(prediction.to_dict(), allow_nan=False))
    assert content['unknown'] is None
    assert Neighbour(**content.pop('neighbours')[0]) == prediction.neighbours[0]
    assert content['label'] == prediction.label
    assert set(content) == {'label', 'score', 'scores', 'similarity', 'unknown'}


def test_without_support_nothing_is_said_of_similarity(support, query):
    known = fitted_on(support)
    alone = FittedClassifier(known.head, known.label_space)
    assert alone.similarities(query.feats) is None
    for one, other in zip(alone.predict(query.feats), known.predict(query.feats), strict=True):
        assert (one.similarity, one.unknown, one.neighbours) == (None, None, ())
        assert one.scores == other.scores


def test_similarity_is_told_also_where_no_neighbour_is_wanted(support, query):
    for prediction in fitted_on(support).predict(query.feats, neighbours=0):
        assert prediction.neighbours == ()
        assert -1 <= prediction.similarity <= 1


def test_no_instances(support, query):
    assert fitted_on(support).predict(query.feats[:0]) == []


def test_evaluation_says_the_same(support, query):
    threshold = leave_one_out_threshold(ZipAdapterFHead(), support.feats, support.labels)
    fitted = fitted_on(support, threshold=threshold)
    samples = evaluate_task(EvalUnit(4, query, fitted))
    predictions = fitted.predict(query.feats)
    for index, (sample, prediction) in enumerate(zip(samples, predictions, strict=True)):
        assert sample.instance_id == query.ids[index]
        assert sample.gt_label.tolist() == [int(query.labels[index])]
        assert sample.class_names[sample.pred_label.item()] == prediction.label
        assert sample.pred_score.tolist() == list(prediction.scores.values())
        assert sample.similarity == prediction.similarity
        assert sample.unknown == prediction.unknown == (sample.typical < threshold)
        assert (sample.task, sample.episode, sample.held_out) == ('one', 4, None)


def test_a_loaded_gaussian_head_is_told_its_support(support, query):
    head = RegionGaussianHead().fit(support.feats, support.labels, 3)
    loaded = RegionGaussianHead()
    loaded.allocate(len(support), 3, support.feats.shape[-1])
    loaded.load_state_dict(head.state_dict())
    expected = head.typicality(query.feats, support.feats)
    found = FittedClassifier(loaded, support.label_space, support).typicality(query.feats)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('size', [1, 4])
def test_queries_are_answered_block_by_block(support, query, monkeypatch, size):
    classifier = fitted_on(support, threshold=0.5)
    answers = 'scores', 'similarities', 'typicality', 'are_unknown'
    whole = [getattr(classifier, name)(query.feats) for name in answers]
    seen = []
    real = type(classifier.head).log_scores

    def log_scores(self, feats):
        seen.append(len(feats))
        return real(self, feats)

    monkeypatch.setattr(type(classifier.head), 'log_scores', log_scores)
    monkeypatch.setattr(fitted, '_BLOCK', size)
    parts = [getattr(classifier, name)(query.feats) for name in answers]
    torch.testing.assert_close(parts, whole)
    assert seen == [size] * (6 // size) + [6 % size] * (6 % size > 0)
    # Where queries influence each other they stay together.
    monkeypatch.setattr(type(classifier.head), 'transductive', True)
    assert torch.equal(classifier.scores(query.feats), whole[0])
    assert seen[-1] == 6


def test_half_precision_queries_are_answered_in_single_precision(support, query):
    classifier = fitted_on(support)
    rounded = query.feats.half()
    assert torch.equal(classifier.scores(rounded), classifier.scores(rounded.float()))
    assert torch.equal(classifier.typicality(rounded), classifier.typicality(rounded.float()))


def test_very_many_queries_are_evaluated_in_parts(support, query, monkeypatch):
    unit = EvalUnit(3, query, fitted_on(support, threshold=0.5), 'a')
    monkeypatch.setattr(evaluation, '_MOST_QUERIES', 4)
    parts = list(unit.parts())
    assert [part.query.ids for part in parts] == [query.ids[:4], query.ids[4:]]
    assert {(part.episode, part.held_out, part.task) for part in parts} == {(3, 'a', 'one')}
    told = [sample for part in parts for sample in evaluate_task(part)]
    for one, other in zip(told, evaluate_task(unit), strict=True):
        assert (one.instance_id, one.unknown) == (other.instance_id, other.unknown)
        torch.testing.assert_close(one.pred_score, other.pred_score)
    # No copy is made.
    assert parts[1].query.feats.data_ptr() == query.feats[4:].data_ptr()
