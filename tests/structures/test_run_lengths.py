"""Run lengths against pycocotools."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco_mask

from mmvrec.structures.run_lengths import decode_counts, encode_counts, mask_runs, runs_mask


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_runs_of_any_mask_are_those_of_pycocotools(mask):
    runs = mask_runs(mask)
    expected = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))['counts'].decode()
    assert encode_counts(runs) == expected
    assert decode_counts(expected) == runs
    np.testing.assert_array_equal(runs_mask(runs, *mask.shape), mask)


def test_long_and_falling_runs_are_compressed_as_they_are_read():
    runs = [0, 178_000_000, 1, 1, 1_000_000, 3]
    rle = coco_mask.frPyObjects({'size': [1, sum(runs)], 'counts': runs}, 1, sum(runs))
    assert encode_counts(runs) == rle['counts'].decode()


def test_runs_of_another_size_are_refused():
    with pytest.raises(ValueError, match='its runs add up to 5 of 6 pixels'):
        runs_mask([2, 3], 2, 3)
