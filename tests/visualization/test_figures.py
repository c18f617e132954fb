import numpy as np
import pytest
import torch

from mmvrec.visualization.figures import Embedding, draw_confusion, draw_embeddings, tsne


def test_confusion_matrix_by_hand():
    figure = draw_confusion([0, 0, 0, 0, 2, 2], [0, 0, 0, 2, 2, 0], ['a', 'never', 'c'])
    axes = figure.axes[0]
    (image,) = axes.images
    assert np.asarray(image.get_array()).tolist() == [[75, 25], [50, 50]]
    assert [t.get_text() for t in axes.get_xticklabels()] == ['a', 'c']
    assert [t.get_text() for t in axes.texts] == ['75', '25', '50', '50']


def test_large_confusion_matrix_has_no_numbers():
    labels = list(range(30))
    assert not draw_confusion(labels, labels, [str(i) for i in labels]).axes[0].texts


def clusters(per_class=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(3).repeat_interleave(per_class)
    centres = 5 * torch.randn(3, 16, generator=torch.Generator().manual_seed(9))
    return centres[labels] + 0.3 * torch.randn(len(labels), 16, generator=generator), labels


def test_tsne_keeps_clusters_together_and_is_repeatable():
    feats, labels = clusters()
    points = tsne(feats)
    assert np.array_equal(points, tsne(feats))
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert np.array_equal(labels[distances.argmin(1)], labels)


def test_few_instances_are_arranged_and_fewer_refused():
    assert tsne(torch.eye(3)).shape == (3, 2)
    with pytest.raises(ValueError, match='at least 3 instances, got 2'):
        tsne(torch.eye(2))


def test_panels_hold_every_instance():
    (query, labels), (support, support_labels) = clusters(), clusters(2, seed=1)
    right = (labels != 1).tolist()
    panels = [Embedding('before', support, query), Embedding('after', 2 * support, query)]
    figure = draw_embeddings(panels, support_labels.tolist(), labels.tolist(), right, list('abc'))
    assert [axes.get_title() for axes in figure.axes] == ['before', 'after']
    for axes in figure.axes:
        assert sum(len(c.get_offsets()) for c in axes.collections) == len(query) + len(support)
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == [
        'a', 'b', 'c', 'query, wrong', 'query, right', 'support',
    ]  # fmt: skip
