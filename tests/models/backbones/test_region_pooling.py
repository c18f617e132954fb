"""Weights of cells by masks, against sums written out."""

import pytest
import torch

from mmvrec.models.backbones.region_pooling import (
    REGIONS,
    area_matrix,
    area_resize,
    cell_weights,
    dilate,
)


def mask(side=8, rows=slice(0, 0), columns=slice(0, 0), value=1.0):
    alpha = torch.zeros(1, side, side)
    alpha[0, rows, columns] = value
    return alpha


def test_shared_pixels_count_in_both_cells_by_part():
    # Two cells of 1.5 pixels each.
    expected = torch.tensor([[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]])
    torch.testing.assert_close(area_matrix(2, 3), expected)


@pytest.mark.parametrize(
    ('cells', 'size'), [(1, 5), (4, 112), (7, 112), (14, 112), (9, 260), (8, 4)]
)
def test_area_is_kept(cells, size):
    matrix = area_matrix(cells, size)
    torch.testing.assert_close(matrix.sum(1), torch.ones(cells))
    torch.testing.assert_close(matrix.sum(0), torch.full((size,), cells / size))


def test_whole_factors_are_means_of_blocks():
    images = torch.rand(2, 3, 12, 8, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.avg_pool2d(images, (4, 2))
    torch.testing.assert_close(area_resize(images, 3, 4), expected)


def test_mask_between_four_cells_weighs_them_alike():
    weights = cell_weights(mask(8, slice(3, 5), slice(3, 5)), 'mask', (2, 2))
    torch.testing.assert_close(weights, torch.full((1, 4), 0.25))


def test_cells_count_by_the_area_in_the_mask():
    # Columns 2 to 4: two thirds in the left cell, one third in the right.
    weights = cell_weights(mask(8, slice(0, 4), slice(2, 5)), 'mask', (2, 2))
    torch.testing.assert_close(weights, torch.tensor([[2 / 3, 1 / 3, 0, 0]]))


def test_one_faint_pixel_chooses_its_cell():
    alpha = mask(112, slice(100, 101), slice(50, 51), value=1 / 255)
    weights = cell_weights(alpha, 'mask', (4, 4)).view(4, 4)
    assert weights[3, 1] == 1
    assert weights.sum() == 1


def test_grey_pixels_count_by_their_value():
    alpha = mask(2, slice(0, 1), slice(0, 1), 0.25) + mask(2, slice(1, 2), slice(1, 2), 0.75)
    torch.testing.assert_close(
        cell_weights(alpha, 'mask', (2, 2)), torch.tensor([[0.25, 0, 0, 0.75]])
    )


@pytest.mark.parametrize('region', REGIONS)
def test_empty_mask_falls_back_to_the_whole_view_for_itself_alone(region):
    alpha = torch.cat([mask(8), mask(8, slice(0, 2), slice(0, 2))])
    weights = cell_weights(alpha, region, (4, 4))
    torch.testing.assert_close(weights[0], torch.full((16,), 1 / 16))
    torch.testing.assert_close(weights[1:], cell_weights(alpha[1:], region, (4, 4)))


def test_mask_that_fills_the_view_has_no_ring():
    weights = cell_weights(torch.ones(1, 8, 8), 'ring', (2, 2))
    torch.testing.assert_close(weights, torch.full((1, 4), 0.25))


def test_ring_is_what_dilation_adds():
    # A pixel at (8, 8) of 16, dilated by 2: 5 x 5 pixels without the middle one.
    weights = cell_weights(mask(16, slice(8, 9), slice(8, 9)), 'ring', (16, 16)).view(16, 16)
    expected = torch.zeros(16, 16)
    expected[6:11, 6:11] = 1 / 24
    expected[8, 8] = 0
    torch.testing.assert_close(weights, expected)


def test_dilation_is_the_largest_value_of_a_square():
    alpha = torch.rand(2, 9, 9, generator=torch.Generator().manual_seed(0))
    wide = torch.nn.functional.pad(alpha, (2, 2, 2, 2))
    expected = torch.stack([wide[:, y : y + 9, x : x + 9] for y in range(5) for x in range(5)])
    torch.testing.assert_close(dilate(alpha, 2), expected.amax(0))
