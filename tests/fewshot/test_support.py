"""Support sets of one head per task, and of one head for all."""

import pytest
import torch
from engine_parts import feature_bank

from mmvrec.datasets.samplers import EpisodeSampler
from mmvrec.fewshot.support import SupportSampler, make_support
from mmvrec.models import MVRECClassifier


def model(**options) -> MVRECClassifier:
    return MVRECClassifier(**{'head': dict(type='ZipAdapterHead'), **options})


@pytest.mark.parametrize('episode', [0, 3])
def test_draws_are_those_of_the_sampler(episode):
    pool = feature_bank(tasks=('one', 'two'), per_class=4)
    drawn = SupportSampler(pool, ['one', 'two'], 2, seed=5).draw(episode)
    for task, bank in drawn.items():
        own = pool.task(task)
        sampler = EpisodeSampler(own.labels.tolist(), own.class_names[task], 2, seed=5)
        assert bank.ids == [own.ids[i] for i in sampler.draw(episode)]
    only = SupportSampler(pool, ['one', 'two'], 2, seed=5).draw(episode, ['two'])
    assert list(only) == ['two']
    assert only['two'].ids == drawn['two'].ids


def test_support_of_all_tasks_has_their_classes_one_after_the_other():
    pool = feature_bank(tasks=('one', 'two'), per_class=4)
    drawn = SupportSampler(pool, ['one', 'two'], 2).draw(0)
    support = make_support(model(unified='product_known'), drawn)
    assert support.num_classes == 6
    assert list(support.label_space.classes) == ['one', 'two']
    assert torch.equal(support.feats, torch.cat([drawn['one'].feats, drawn['two'].feats]))
    assert torch.equal(support.labels, torch.cat([drawn['one'].labels, drawn['two'].labels + 3]))
    assert support.text_feats is None


def test_text_of_the_classes():
    pool = feature_bank(tasks=('one', 'two'), channels=192)
    text = model(head=dict(type='ZeroShotHead'), text=dict(type='CLIPText', arch='tiny'))
    support = make_support(text, SupportSampler(pool, ['one', 'two'], 1).draw(0))
    assert torch.equal(support.text_feats, text.text_feats(support.label_space))
    assert support.text_feats.shape == (6, 192)


def test_too_few_instances_are_told_at_once():
    pool = feature_bank(tasks=('one', 'two'), per_class=4)
    with pytest.raises(ValueError, match="5-shot support sets of task 'one'"):
        SupportSampler(pool, ['one', 'two'], 5)
    with pytest.raises(KeyError, match="no task 'three'"):
        SupportSampler(pool, ['three'], 1)
