"""The base class of the heads: checks, shapes and the merging of views."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.scores import merge_by_entropy, normalized_entropy


class NearestMean(FewShotHead):
    """Logits are negative squared distances to the class means; made for these tests."""

    def _allocate(self, num_support, num_classes, channels):
        self.means = nn.Parameter(torch.zeros(num_classes, channels))

    @torch.no_grad()
    def _fit(self, feats, labels, num_classes):
        for label in range(num_classes):
            self.means[label] = feats[labels == label].mean((0, 1))

    def class_logits(self, feats):
        return -(feats[..., None, :] - self.means).square().sum(-1)


SUPPORT = torch.tensor([[[0.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [5.0, 0.0]]])
QUERY = torch.tensor([[[0.0, 1.0], [4.0, 0.0]]])


def fitted(merge_views='feature'):
    return NearestMean(merge_views).fit(SUPPORT, torch.tensor([0, 1]), 2)


def test_fit_returns_the_head():
    assert torch.equal(fitted().means, torch.tensor([[0.0, 1.0], [4.0, 0.0]]))


# The query's views lie on the two class means (0, 1) and (4, 0), whose squared distance is 17;
# their mean is (2, 0.5), at 4.25 of both.
@pytest.mark.parametrize(
    ('merge_views', 'scores'),
    [('feature', [-4.25, -4.25]), ('logits', [-8.5, -8.5]), ('entropy', [0.5, 0.5])],
)
def test_views_are_merged_as_named(merge_views, scores):
    assert fitted(merge_views)(QUERY).flatten().tolist() == pytest.approx(scores)


@pytest.mark.parametrize('merge_views', ['feature', 'logits', 'entropy'])
def test_predictions_are_probabilities(merge_views):
    feats = torch.randn(5, 3, 2, generator=torch.Generator().manual_seed(0))
    head = fitted(merge_views)
    probabilities = head.predict(feats)
    assert probabilities.shape == (5, 2)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(5))
    scores = head(feats)
    expected = scores if merge_views == 'entropy' else scores.softmax(-1)
    torch.testing.assert_close(probabilities, expected)


@pytest.mark.parametrize('merge_views', ['feature', 'logits', 'entropy'])
def test_one_view_needs_no_merging(merge_views):
    feats = torch.randn(5, 1, 2, generator=torch.Generator().manual_seed(0))
    head = fitted(merge_views)
    expected = head.class_logits(feats[:, 0]).softmax(-1)
    torch.testing.assert_close(head.predict(feats), expected)


def test_parameters_of_the_right_shapes_are_kept_by_fit():
    head = NearestMean()
    head.allocate(2, 2, 2)
    means = head.means
    assert head.fit(SUPPORT, torch.tensor([0, 1]), 2).means is means
    head.fit(SUPPORT[..., :1], torch.tensor([0, 1]), 2)
    assert head.means is not means
    assert head.means.shape == (2, 1)


def test_allocated_head_takes_a_state_dict():
    head = NearestMean()
    head.allocate(2, 2, 2)
    head.load_state_dict(fitted().state_dict())
    assert torch.equal(head(QUERY), fitted()(QUERY))


# Entropy.


@pytest.mark.parametrize(
    ('probabilities', 'entropy'),
    [
        ([0.5, 0.5], 1),
        ([1.0, 0.0], 0),
        ([0.25, 0.25, 0.25, 0.25], 1),
        ([0.5, 0.5, 0.0, 0.0], 0.5),
        ([0.75, 0.25], 0.811278124459),
    ],
)
def test_normalized_entropy(probabilities, entropy):
    assert normalized_entropy(torch.tensor(probabilities)).item() == pytest.approx(entropy)


SURE = [100.0, 0.0, 0.0]
SURE_OF_ANOTHER = [0.0, 100.0, 0.0]
UNSURE = [2.0, 2.0, 2.0]
THIRDS = [1 / 3, 1 / 3, 1 / 3]
MERGED = {
    'all unsure': ([UNSURE] * 4, THIRDS),
    'all sure': ([SURE] * 4, [1, 0, 0]),
    'sure views outvote unsure ones': ([UNSURE, UNSURE, UNSURE, SURE], [1, 0, 0]),
    'sure views that disagree': ([SURE, SURE, SURE_OF_ANOTHER], [2 / 3, 1 / 3, 0]),
    'one view': ([[math.log(2), 0.0, 0.0]], [0.5, 0.25, 0.25]),
}


@pytest.mark.parametrize(('views', 'merged'), MERGED.values(), ids=MERGED)
def test_merging_by_entropy(views, merged):
    assert merge_by_entropy(torch.tensor([views]))[0].tolist() == pytest.approx(merged, abs=1e-6)


def test_weights_are_one_minus_the_entropy():
    views = torch.tensor([[[math.log(3), 0.0], [0.0, math.log(1.5)]]])
    sure, less = 1 - 0.811278124459, 1 - 0.970950594455
    expected = (sure * 0.75 + less * 0.4) / (sure + less)
    assert merge_by_entropy(views)[0, 0].item() == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    views=st.integers(1, 30),
    classes=st.integers(2, 14),
    exponent=st.integers(-7, 3),
)
def test_merged_probabilities_lie_between_those_of_the_views(seed, views, classes, exponent):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(8, views, classes, generator=generator) * 10.0**exponent
    merged, probabilities = merge_by_entropy(logits), logits.softmax(-1)
    torch.testing.assert_close(merged.sum(1), torch.ones(8))
    assert (merged <= probabilities.amax(1) + 1e-6).all()
    assert (merged >= probabilities.amin(1) - 1e-6).all()


# Bad inputs.


def test_unknown_merging():
    with pytest.raises(ValueError, match=r"one of \('feature', 'logits', 'entropy'\), got 'max'"):
        NearestMean('max')


def with_value(value):
    feats = torch.zeros(4, 2, 3)
    feats[1, 0, 0] = feats[3, 1, 2] = value
    return feats


GOOD = torch.zeros(4, 2, 3)
LABELS = torch.tensor([0, 1, 0, 1])
BAD_SUPPORTS = {
    'no views': (GOOD[:, 0], LABELS, 2, r'feats \(M, V, C\) .*got \(4, 3\) and \(4,\)'),
    'tokens': (GOOD[:, :, None], LABELS, 2, r'got \(4, 2, 1, 3\) and \(4,\)'),
    'fewer labels': (GOOD, LABELS[:3], 2, r'got \(4, 2, 3\) and \(3,\)'),
    'one-hot labels': (GOOD, torch.eye(4), 4, r'got \(4, 2, 3\) and \(4, 4\)'),
    'NaN': (with_value(torch.nan), LABELS, 2, r'instances \[1, 3\] have NaN or infinite'),
    'infinite': (with_value(-torch.inf), LABELS, 2, r'instances \[1, 3\] have NaN or infinite'),
    'label too large': (GOOD, LABELS + 1, 2, r'labels must be 0 to 1, got \[1, 2\]'),
    'negative label': (GOOD, LABELS - 1, 2, r'labels must be 0 to 1, got \[-1, 0\]'),
    'class without instance': (GOOD, LABELS, 4, r'classes \[2, 3\] of 4 have no support'),
    'empty': (GOOD[:0], LABELS[:0], 2, r'classes \[0, 1\] of 2 have no support'),
}


@pytest.mark.parametrize(
    ('feats', 'labels', 'classes', 'message'), BAD_SUPPORTS.values(), ids=BAD_SUPPORTS
)
def test_bad_support(feats, labels, classes, message):
    with pytest.raises(ValueError, match=message):
        NearestMean().fit(feats, labels, classes)
