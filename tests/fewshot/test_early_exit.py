"""Which views come first, and when the rest is left out."""

import numpy as np
import pytest

from mmvrec.datasets.transforms import MultiViewRegionContext
from mmvrec.fewshot.early_exit import decides, fit_margin, lead, view_order


def test_upright_centres_of_all_scales_come_first():
    settings = MultiViewRegionContext(rotations=(0, 90)).settings
    order = view_order(settings)
    # 27 places of two rotations each; the centres are those of the middle row and column.
    assert order[:3] == [2 * 4, 2 * 13, 2 * 22]
    assert order[27] == 2 * 4 + 1
    assert sorted(order) == list(range(54))


def test_offsets_are_ordered_by_their_steps():
    settings = MultiViewRegionContext(scales=(64,), offsets=(2, 0, -1)).settings
    assert view_order(settings) == [4, 5, 7, 1, 3, 8, 2, 6, 0]


def test_lead_is_that_of_the_best_over_the_second():
    np.testing.assert_array_equal(lead(np.array([[1.0, 5, 3], [2, 2, -9]])), [2, 0])


def instance(first: tuple[float, float], rest: tuple[float, float]) -> list:
    """Logits of nine views, of which the first three differ from the others."""
    return [first] * 3 + [rest] * 6


def test_margin_is_the_least_that_keeps_all_right_labels():
    """Leads after three views: 5 and 3 right, 2 a mistake that nine views mend, 4 right."""
    logits = np.array(
        [
            instance((5, 0), (5, 0)),
            instance((0, 3), (0, 3)),
            instance((2, 0), (0, 9)),
            instance((4, 0), (4, 0)),
        ]
    )
    labels = np.array([0, 1, 1, 0])
    assert fit_margin(logits, labels, range(9)) == (3.0, (3 + 3 + 9 + 3) / 4)
    # Where nine views are wrong as well, nothing is lost.
    assert fit_margin(logits, np.array([0, 1, 0, 0]), range(9)) == (2.0, 3.0)
    # The second is not known after three views.
    known = np.array([[True], [False], [True], [True]])
    assert fit_margin(logits, labels, range(9), known) == (3.0, (3 + 9 + 9 + 3) / 4)
    # In an order in which the others come first, three views say what nine do.
    assert fit_margin(logits, labels, range(8, -1, -1)) == (3.0, 3.0)


def test_half_a_point_of_many_instances_may_be_lost():
    logits = np.array([instance((5, 0), (5, 0))] * 199 + [instance((9, 0), (0, 99))])
    labels = np.array([0] * 199 + [1])
    assert fit_margin(logits, labels, range(9)) == (5.0, 3.0)
    assert fit_margin(logits[1:], labels[1:], range(9)) == (None, 9.0)


@pytest.mark.parametrize('views', [1, 3])
def test_few_views_are_all_looked_at(views):
    logits = np.ones((4, views, 2)) * [1.0, 0]
    assert fit_margin(logits, np.zeros(4, int), range(views)) == (None, views)


def test_there_is_no_margin_where_nothing_can_be_left_out():
    assert fit_margin(np.empty((0, 9, 2)), np.empty(0, int), range(9)) == (None, 9.0)


def test_views_decide_where_the_label_is_clear_and_the_instance_known():
    logits = np.array([[3.0, 1], [3, 1], [2, 1], [0, 9]])
    typical = np.array([-5.0, -5.1, -5, 0])
    np.testing.assert_array_equal(decides(logits, typical, 2.0, -5.0), [True, False, False, True])
    np.testing.assert_array_equal(decides(logits, None, 2.0, -5.0), [True, True, False, True])
