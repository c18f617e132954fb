import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmvrec.models.losses import batch_hard_triplet_loss
from mmvrec.models.losses.triplet import hardest_distances


@pytest.fixture(scope='module')
def views(fixture_tensors):
    io = fixture_tensors('head_io.npz')
    support = io['support']
    return io, support.flatten(0, 1), io['support_labels'].repeat_interleave(support.shape[1])


def test_published_value_and_hardest_pairs(views):
    io, embeddings, labels = views
    positive, negative = hardest_distances(embeddings, labels[:, None] == labels)
    torch.testing.assert_close(positive, io['hardest_pos'], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(negative, io['hardest_neg'], rtol=1e-4, atol=1e-5)
    loss = batch_hard_triplet_loss(embeddings, labels)
    assert loss.item() == pytest.approx(io['triplet_support_views'].item(), rel=1e-4)


def brute_force(embeddings, labels, margin):
    losses = []
    for anchor, label in zip(embeddings, labels, strict=True):
        distances = np.linalg.norm(embeddings - anchor, axis=1)
        hardest = distances[labels == label].max() - distances[labels != label].min()
        losses.append(max(0, margin + hardest))
    return np.mean(losses)


@given(st.integers(0, 10**6), st.integers(4, 40), st.floats(0, 2))
def test_equals_brute_force(seed, count, margin):
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(count, 6))
    labels = np.arange(count) % 3
    loss = batch_hard_triplet_loss(torch.tensor(embeddings), torch.tensor(labels), margin)
    assert loss.item() == pytest.approx(brute_force(embeddings, labels, margin), abs=1e-6)


def test_normalized_distance_ignores_the_length():
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(12, 5, generator=generator)
    labels = torch.arange(12) % 2
    scaled = embeddings * torch.rand(12, 1, generator=generator) * 9
    one = batch_hard_triplet_loss(embeddings, labels, distance='normalized')
    torch.testing.assert_close(batch_hard_triplet_loss(scaled, labels, distance='normalized'), one)
    unit = torch.nn.functional.normalize(embeddings, dim=1)
    torch.testing.assert_close(batch_hard_triplet_loss(unit, labels), one)


def test_classes_far_apart_cost_nothing():
    embeddings = torch.tensor([[0.0, 0], [0, 0.1], [9, 0], [9, 0.1]])
    assert batch_hard_triplet_loss(embeddings, torch.tensor([0, 0, 1, 1])).item() == 0


def test_equal_embeddings_have_finite_gradients():
    embeddings = torch.zeros(60, 4, requires_grad=True)
    loss = batch_hard_triplet_loss(embeddings, torch.arange(60) % 2)
    loss.backward()
    assert loss.item() == 0.5
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'labels': torch.zeros(4, dtype=torch.long)}, 'at least two classes'),
        ({'distance': 'cosine'}, r"one of \('euclidean', 'normalized'\), got 'cosine'"),
    ],
)
def test_bad_input(kwargs, message):
    arguments = {'embeddings': torch.randn(4, 2), 'labels': torch.arange(4) % 2, **kwargs}
    with pytest.raises(ValueError, match=message):
        batch_hard_triplet_loss(**arguments)


def test_gradients_are_the_same_every_time_on_several_threads():
    """Many anchors share their hardest embedding: its gradient is a sum of many."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        drawn = torch.randn(700, 192, generator=torch.Generator().manual_seed(0))
        labels = torch.arange(5).repeat_interleave(140)
        gradients = []
        for _ in range(8):
            embeddings = drawn.clone().requires_grad_()
            batch_hard_triplet_loss(embeddings, labels).backward()
            gradients.append(embeddings.grad)
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(gradient, gradients[0]) for gradient in gradients)
