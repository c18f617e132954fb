"""Probabilities that follow the logits, against exact arithmetic."""

from itertools import pairwise

import mpmath
import pytest
import torch
from head_battery import draw
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmvrec.models.heads import KernelRidgeHead, ZipAdapterHead
from mmvrec.models.heads.scores import certainty, log_merge_by_entropy, probabilities

#: Distances between logits, from those that float32 sees to those that float64 does not add to 1.
EXPONENTS = st.integers(-40, 3)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(-50, 50), min_size=5, max_size=5), min_size=1, max_size=4),
    exponent=EXPONENTS,
    temperature=st.sampled_from([1e-20, 0.01, 1.0, 100.0]),
)
def test_order_is_that_of_the_logits(rows, exponent, temperature):
    logits = torch.tensor(rows, dtype=torch.float64) * 10.0**exponent
    found = probabilities(logits, temperature)
    assert found.dtype == torch.float32
    for scores, exact in zip(found.tolist(), rows, strict=True):
        for a, larger in zip(scores, exact, strict=True):
            for b, other in zip(scores, exact, strict=True):
                assert (a > b) == (larger > other)
    torch.testing.assert_close(found.sum(1), torch.ones(len(rows)))
    softmax = (logits / temperature).softmax(1).float()
    torch.testing.assert_close(found, softmax, rtol=2e-6, atol=1e-40)


def test_probabilities_that_are_not_near_each_other_are_the_softmax():
    logits = 3 * draw(20, 6).double()
    assert torch.equal(probabilities(logits), logits.softmax(1).float())
    assert torch.equal(probabilities(logits, 2.0), (logits / 2).softmax(1).float())


def test_impossible_classes():
    logits = torch.tensor([[0.0, -torch.inf, -torch.inf, -5.0]]).double()
    found = probabilities(logits)[0].tolist()
    assert found[1] == found[2] == 0
    assert 0 < found[3] < found[0]


def exact_certainty(logits) -> mpmath.mpf:
    with mpmath.workdps(120):
        powers = [mpmath.exp(mpmath.mpf(value)) for value in logits]
        shares = [power / sum(powers) for power in powers]
        return 1 + sum(p * mpmath.log(p) for p in shares) / mpmath.log(len(logits))


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**31), classes=st.integers(2, 14), exponent=st.integers(-30, 1))
@example(seed=0, classes=13, exponent=-2)
def test_certainty_is_right_at_every_scale(seed, classes, exponent):
    logits = draw(classes, seed=seed).double() * 10.0**exponent
    exact = float(exact_certainty(logits.tolist()))
    assert certainty(logits).item() == pytest.approx(exact, rel=1e-6, abs=0)
    single = certainty(logits.float()).item()
    assert single == pytest.approx(exact, rel=3e-3, abs=1e-37)


def exact_merged(views) -> list[mpmath.mpf]:
    with mpmath.workdps(120):
        weights = [exact_certainty(view) for view in views]
        total = sum(weights)
        merged = [mpmath.mpf(0)] * len(views[0])
        for weight, view in zip(weights, views, strict=True):
            powers = [mpmath.exp(mpmath.mpf(value)) for value in view]
            for index, power in enumerate(powers):
                merged[index] += weight / total * power / sum(powers)
        return merged


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**31), views=st.integers(1, 9), exponent=st.integers(-15, 1))
def test_merging_by_entropy_keeps_the_order_at_every_scale(seed, views, exponent):
    logits = draw(1, views, 4, seed=seed).double() * 10.0**exponent
    with mpmath.workdps(120):
        exact = exact_merged(logits[0].tolist())
        gaps = sorted(exact)
        scale = gaps[-1] - gaps[0]
        order = sorted(range(4), key=lambda index: exact[index])
        # Differences of a millionth of the spread are those of the series in `certainty`.
        clear = all(b - a > 1e-5 * scale for a, b in pairwise(gaps))
    found = log_merge_by_entropy(logits)[0]
    if clear:
        assert found.argsort().tolist() == order
    spread = float(mpmath.log(gaps[-1]) - mpmath.log(gaps[0]))
    assert (found.max() - found.min()).item() == pytest.approx(spread, rel=1e-5)


# Heads whose kernel falls below the resolution of float32, and with beta=200 below its range.


def low_cosines(queries=60, classes=5, shots=4, channels=64):
    """Queries that have cosines of about 0.2 with their class and of 0 with the others."""
    centres = torch.eye(channels)[:classes]
    labels = torch.arange(classes).repeat_interleave(shots)
    support = centres[labels] + 0.02 * draw(len(labels), channels)
    truth = torch.arange(queries) % classes
    noise = draw(queries, channels, seed=1)
    noise[:, :classes] *= 0.3
    return support[:, None], labels, (1.2 * centres[truth] + noise)[:, None], truth


def exact_attention(head, query) -> list[mpmath.mpf]:
    """Sums of exp(beta cos) by class, which have the order of the logits."""
    with mpmath.workdps(60):
        keys = head.support_keys.double()
        keys = keys / keys.norm(dim=1, keepdim=True)
        cosines = (keys @ (query.double() / query.double().norm())).tolist()
        sums = [mpmath.mpf(0)] * head.support_values.shape[1]
        for cosine, value in zip(cosines, head.support_values.tolist(), strict=True):
            sums[value.index(1.0)] += mpmath.exp(head.beta * mpmath.mpf(cosine))
        return sums


@pytest.mark.parametrize('beta', [32.0, 200.0])
@pytest.mark.parametrize('merge_views', ['feature', 'logits', 'entropy'])
def test_zip_adapter_answers_by_its_logits_where_cosines_are_low(beta, merge_views):
    support, labels, queries, truth = low_cosines()
    head = ZipAdapterHead(beta=beta, merge_views=merge_views).fit(support, labels, 5)
    # What float32 makes of it: all classes alike.
    plain = ZipAdapterHead(beta=beta).fit(support, labels, 5)(queries).softmax(1)
    assert (plain.amax(1) - plain.amin(1)).max() < 1e-5
    scores = head.predict(queries)
    assert (scores.argmax(1) == truth).float().mean() > 0.95
    for query, row in zip(queries[:, 0], scores.tolist(), strict=True):
        exact = exact_attention(head, query)
        order = sorted(range(5), key=row.__getitem__)
        # Merged probabilities have 16 digits, of which the answer may take all.
        known = 1 if merge_views == 'entropy' else 5
        assert order[-known:] == sorted(range(5), key=exact.__getitem__)[-known:]
        assert len(set(row)) >= known


def test_kernel_ridge_answers_by_its_logits_where_cosines_are_low():
    support, labels, queries, truth = low_cosines()
    head = KernelRidgeHead(beta=60.0).fit(support, labels, 5)
    assert (head.predict(queries).argmax(1) == truth).float().mean() > 0.95
