"""The threshold of left-out photos, by counting."""

import numpy as np

from mmvrec.finding.threshold import LeftOutPhoto, threshold_of


def photo(values, annotated=()):
    """A photo of 8 x 60 pixels with squares of 4 x 4 of these values; some are annotated."""
    heat_map = np.full((8, 60), 0.5, np.float32)
    mask = np.zeros((8, 60), bool)
    for index, value in enumerate(values):
        heat_map[2:6, 6 * index + 1 : 6 * index + 5] = value
        mask[2:6, 6 * index + 1 : 6 * index + 5] = index in annotated
    return LeftOutPhoto(heat_map, mask)


def count(photos, threshold):
    return sum((one.heat_map[3, 2::6] > threshold)[~one.annotated[3, 2::6]].sum() for one in photos)


def test_lowest_that_is_quiet_enough():
    photos = [photo([1, 2, 3, 9], annotated=[3]), photo([1.5, 2.5, 9], annotated=[2])]
    for allowed in (0, 1, 2, 3):
        threshold = threshold_of(photos, allowed / 2, min_area=16)
        assert count(photos, threshold) == allowed
        # A step lower there are more, or it is the value itself.
        assert count(photos, threshold / 1.06) > allowed


def test_annotations_do_not_raise_it():
    photos = [photo([9, 1], annotated=[0]), photo([9, 1], annotated=[0])]
    assert 1 <= threshold_of(photos, 0, min_area=16) < 1.06


def test_small_regions_do_not_count():
    assert threshold_of([photo([9]), photo([9])], 0, min_area=17) < 1


def test_photos_of_one_value():
    flat = LeftOutPhoto(np.zeros((8, 8), np.float32), np.zeros((8, 8), bool))
    assert threshold_of([flat, flat], 0.5, min_area=16) > 0
