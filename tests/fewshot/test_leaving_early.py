"""Classifiers that look at the first few views: what is looked at, and what is said then."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmvrec.datasets.transforms import MultiViewRegionContext
from mmvrec.fewshot.classifier import fit_classifier, with_early_exit
from mmvrec.fewshot.early_exit import fit_margin, view_order
from mmvrec.fewshot.evaluation import EvalUnit, evaluate_task
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.fewshot.leaving_early import EarlyExit, fit_early_exit, groups_of, look, order_of
from mmvrec.fewshot.left_out_heads import LeftOutHeads
from mmvrec.fewshot.support import make_support
from mmvrec.models import MVRECClassifier
from mmvrec.structures import FeatureBank

SETTINGS = TrainingSettings({'optimizer': {'type': 'AdamW', 'lr': 0.01}}, max_iters=1)
#: The centre of nine views first, then what is one step away, then the corners.
ORDER = [4, 1, 3, 5, 7, 0, 2, 6, 8]


def bank(per_class: int, seed: int, first: float = 0.3, rest: float = 0.3) -> FeatureBank:
    """Three classes, nine views; the first three in :data:`ORDER` and the others scatter so."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(3, 1, 6)).repeat(per_class, 0)
    spread = np.full((9, 1), rest)
    spread[ORDER[:3]] = first
    feats = centres + spread * rng.normal(size=(3 * per_class, 9, 6))
    return FeatureBank(
        feats=torch.tensor(feats, dtype=torch.float32),
        labels=torch.arange(3).repeat_interleave(per_class),
        tasks=['one'] * 3 * per_class,
        ids=[str(i) for i in range(3 * per_class)],
        class_names={'one': ['a', 'b', 'c']},
    )


@pytest.fixture
def built() -> MVRECClassifier:
    return MVRECClassifier(head={'type': 'RegionGaussianHead'})


@pytest.fixture
def support() -> FeatureBank:
    return bank(5, seed=1, first=0.6)


@pytest.fixture
def fitted(built, support):
    plain = fit_classifier(built, support, SETTINGS, quantile=0.25, progress=False)
    return with_early_exit(plain, built, SETTINGS, 0.25, ORDER)


def test_margin_and_thresholds_are_those_of_instances_left_out(built, support, fitted):
    """Each instance is left out alone, fitted anew, and judged by three views and by nine."""
    logits, typical = [], []
    # Of every class the first instance, then the second, and so on: the order of the folds.
    rows = [5 * label + place for place in range(5) for label in range(3)]
    for place in range(5):
        out = [5 * label + place for label in range(3)]
        rest = support.select([row for row in range(15) if row not in out])
        head = built.build_head().fit(rest.feats, rest.labels, 3).double()
        logits.append(head.class_logits(support.feats[out].double()))
        typical.append(head.typicality(support.feats[out][:, ORDER[:3]], rest.feats))
    typical = torch.cat(typical).numpy()
    threshold = np.quantile(typical, 0.25)
    labels = support.labels[rows].numpy()
    known = typical[:, None] >= threshold
    margin, views = fit_margin(torch.cat(logits).numpy(), labels, ORDER, known)
    early_exit = fitted.early_exit
    assert early_exit.order == tuple(ORDER)
    assert early_exit.thresholds == pytest.approx([threshold], rel=1e-5)
    assert early_exit.margin == pytest.approx(margin, rel=1e-5)
    assert early_exit.expected_views == views
    assert 3 < views < 9


def test_only_views_that_are_needed_are_looked_at(support, fitted):
    """Of one instance three views decide, of another all are looked at."""
    queries = bank(1, seed=2)
    early_exit = replace(fitted.early_exit, thresholds=(-torch.inf,))
    lead = fitted.head.log_scores(queries.feats[:, ORDER[:3]]).topk(2).values.diff()[:, 0].abs()
    second = lead.argsort()[1]
    looked = []

    def embed(rows, positions):
        looked.append((rows.tolist(), positions))
        return queries.feats[rows][:, positions]

    early_exit = replace(early_exit, margin=lead[second].item())
    feats, counts = look(early_exit, fitted.head, support.feats, embed, 3)
    hard = lead.argmin().item()
    assert looked == [([0, 1, 2], ORDER[:3]), ([hard], ORDER[3:])]
    assert counts == [9 if row == hard else 3 for row in range(3)]
    assert torch.equal(feats[hard], queries.feats[hard])
    easy = second.item()
    assert torch.equal(feats[easy][ORDER[:3]], queries.feats[easy][ORDER[:3]])
    assert not feats[easy][ORDER[3:]].any()
    groups = list(groups_of(early_exit, counts))
    assert groups == [([r for r in range(3) if r != hard], ORDER[:3]), ([hard], ORDER)]


def test_instances_unlike_the_support_are_looked_at_in_full(support, fitted):
    early_exit = replace(fitted.early_exit, margin=0.0, thresholds=(torch.inf,))
    queries = bank(1, seed=2)
    _, counts = look(
        early_exit, fitted.head, support.feats, lambda rows, at: queries.feats[rows][:, at], 3
    )
    assert counts == [9, 9, 9]


def test_queries_are_judged_by_what_was_looked_at(fitted):
    """In their order, whatever the numbers of views."""
    queries = bank(4, seed=3, first=0.6)
    samples = evaluate_task(EvalUnit(0, queries, fitted))
    assert [sample.instance_id for sample in samples] == queries.ids
    assert {sample.views for sample in samples} == {3, 9}
    for feats, sample in zip(queries.feats, samples, strict=True):
        seen = feats[None, ORDER[: sample.views]]
        assert torch.equal(sample.pred_score, fitted.scores(seen)[0])
        assert sample.similarity == pytest.approx(fitted.similarities(seen).max().item(), abs=1e-6)
        assert sample.unknown is (sample.views == 9 and sample.typical < fitted.threshold)


def test_without_early_exit_all_views_are_looked_at(fitted):
    queries = bank(4, seed=3)
    plain = replace(fitted, early_exit=None)
    samples = evaluate_task(EvalUnit(0, queries, plain))
    assert {sample.views for sample in samples} == {9}
    scores = torch.stack([sample.pred_score for sample in samples])
    assert torch.equal(scores, plain.scores(queries.feats))


def test_one_that_was_left_early_is_known(fitted):
    strict = replace(fitted, threshold=torch.inf)
    queries = bank(1, seed=3)
    assert strict.are_unknown(queries.feats) == [True] * 3
    assert strict.are_unknown(queries.feats[:, ORDER[:3]]) == [False] * 3


def test_there_is_none_where_no_class_has_two_instances(built, support):
    single = support.select([0, 5, 10])
    left_out = LeftOutHeads(make_support(built, {'one': single}), built.build_head, SETTINGS)
    assert fit_early_exit(left_out, single.feats, ORDER) is None
    plain = fit_classifier(built, single, SETTINGS, quantile=0.25, progress=False)
    with pytest.raises(ValueError, match='views cannot stop early: none can be left out'):
        with_early_exit(plain, built, SETTINGS, 0.25, ORDER)


@pytest.mark.parametrize(
    'head',
    [
        {'type': 'RegionGaussianHead', 'merge_views': 'feature'},
        {'type': 'RegionGaussianHead', 'view_indices': [0, 1]},
        {'type': 'GDAHead', 'groups': 3, 'merge_views': 'logits'},
    ],
)
def test_heads_that_do_not_average_all_views_are_refused(support, head):
    other = MVRECClassifier(head=head)
    plain = fit_classifier(other, support, SETTINGS, quantile=0.25, progress=False)
    with pytest.raises(ValueError, match='where a head averages the logits of all of them'):
        with_early_exit(plain, other, SETTINGS, 0.25, ORDER)


def test_an_order_of_other_views_is_refused(built, support):
    left_out = LeftOutHeads(make_support(built, {'one': support}), built.build_head, SETTINGS)
    with pytest.raises(ValueError, match='the order is of 8 views, the support has 9'):
        fit_early_exit(left_out, support.feats, ORDER[:8])


def test_order_is_that_of_the_views_of_a_pipeline():
    views = MultiViewRegionContext(scales=(64,))
    assert order_of([len, views]) == view_order(views.settings) == ORDER
    with pytest.raises(ValueError, match='a feature bank does not'):
        order_of([])


def test_views_may_end_at_every_step_before_the_last():
    order = tuple(range(29, -1, -1))
    early_exit = EarlyExit(order, 1.0, (0.0, 0.0, 0.0), 5.0)
    assert early_exit.ends == [3, 9, 27, 30]
    assert list(groups_of(early_exit, [30, 3])) == [([1], [29, 28, 27]), ([0], list(order))]
