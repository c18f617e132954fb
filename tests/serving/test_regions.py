"""Geometry of regions: what people draw, and what finders find."""

import numpy as np
import pytest

from mmvrec.serving.bodies import Geometry
from mmvrec.serving.regions import (
    MarkedRegion,
    checked_geometry,
    mask_polygons,
    outline,
    overlap,
    polygon_geometry,
)
from mmvrec.structures import decode_mask, encode_mask

SHAPE = (40, 60)


@pytest.mark.parametrize(
    ('boxes', 'expected'),
    [
        (([0, 0, 4, 4], [0, 0, 4, 4]), 1),
        (([0, 0, 4, 4], [2, 0, 6, 4]), 8 / 24),
        (([0, 0, 4, 4], [4, 0, 6, 4]), 0),
        (([0, 0, 4, 4], [5, 5, 6, 6]), 0),
        (([0, 0, 8, 8], [2, 2, 4, 4]), 4 / 64),
        (([3, 3, 3, 3], [3, 3, 3, 3]), 0),
    ],
)
def test_overlap(boxes, expected):
    assert overlap(*boxes) == overlap(*boxes[::-1]) == pytest.approx(expected)


def test_boxes_are_ordered_and_cut_at_the_border():
    drawn = checked_geometry(Geometry(kind='box', parts=[[[50, 30], [10, 5]]]), SHAPE)
    assert drawn == {'bbox': [10, 5, 50, 30], 'mask': None}
    drawn = checked_geometry(Geometry(kind='box', parts=[[[-0.5, 5], [60.4, 30]]]), SHAPE)
    assert drawn['bbox'] == [0, 5, 60, 30]


def test_polygons_have_their_box():
    parts = [[[10, 5], [20, 5], [15, 30]], [[40, 8], [50, 8], [45, 12]]]
    drawn = checked_geometry(Geometry(kind='polygon', parts=parts), SHAPE)
    assert drawn == {'bbox': [10, 5, 50, 30], 'mask': {'type': 'polygon', 'points': parts}}
    assert outline(drawn) == ('polygon', parts)


def test_rectangles_that_are_found_become_polygons_of_the_same_pixels():
    mask = np.zeros(SHAPE, bool)
    mask[5:12, 10:30] = mask[20:33, 40:55] = True
    polygons = mask_polygons(mask)
    assert sorted(map(len, polygons)) == [4, 4]
    geometry = polygon_geometry(polygons)
    assert (decode_mask(geometry['mask'], geometry['bbox'], *SHAPE) > 0).tolist() == mask.tolist()
    # As shapes of LabelMe they are one instance, by their group.
    region = MarkedRegion(0, geometry).decided('relabelled', ' dent ', 'hole')
    assert [s['group_id'] for s in region.to_shapes(7)] == [7, 7]
    assert {s['label'] for s in region.to_shapes(7)} == {'dent'}
    assert outline({'bbox': None, 'mask': encode_mask(mask)})[1] == polygons


@pytest.mark.parametrize('place', [np.s_[7, 9], np.s_[7, 9:20], np.s_[3:20, 9]])
def test_lines_and_points_that_are_found_have_an_area(place):
    mask = np.zeros(SHAPE, bool)
    mask[place] = True
    (polygon,) = mask_polygons(mask)
    geometry = Geometry(kind='polygon', parts=[polygon])
    rows, columns = np.nonzero(mask)
    x1, y1, x2, y2 = checked_geometry(geometry, SHAPE)['bbox']
    assert [x1, y1] == [columns.min(), rows.min()]
    assert [x2, y2] == [columns.max() + 1, rows.max() + 1]


def test_the_same_place_has_the_same_name():
    box = {'bbox': [1.0, 2.0, 3.5, 4.0], 'mask': None}
    triangle = polygon_geometry([[[1, 2], [3.5, 2], [2, 4]]])
    other = polygon_geometry([[[1, 2], [3.5, 2], [3, 4]]])
    assert MarkedRegion(0, box).place == '@1,2,3.5,4'
    names = {MarkedRegion(0, one).place for one in (box, triangle, other)}
    assert len(names) == 3
    assert MarkedRegion(5, dict(triangle), 'accepted', 'x').place == MarkedRegion(0, triangle).place
