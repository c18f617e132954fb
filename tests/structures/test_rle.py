"""Run lengths of COCO's masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from mmvrec.structures.rle import read_rle
from mmvrec.structures.run_lengths import decode_counts


def runs_of(mask: np.ndarray) -> list[int]:
    """Run lengths column by column, the first one of zeros."""
    runs, value = [0], False
    for pixel in mask.T.ravel():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


def encoded(mask: np.ndarray) -> dict:
    return coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))


@pytest.mark.parametrize('seed', range(5))
def test_compressed_and_not_are_the_same(seed):
    mask = np.random.default_rng(seed).random((37, 53)) < 10.0**-seed
    expected = encoded(mask)
    assert decode_counts(expected['counts'].decode()) == runs_of(mask)
    assert read_rle(expected['counts'].decode(), 37, 53) == expected
    assert read_rle(runs_of(mask), 37, 53) == expected


def test_the_longest_run_of_an_image():
    """178 million pixels fit into the six characters of a number, also as a difference."""
    runs = [0, 178_000_000, 1, 1]
    rle = coco_mask.frPyObjects({'size': [1, sum(runs)], 'counts': runs}, 1, sum(runs))
    assert decode_counts(rle['counts'].decode()) == runs
    assert read_rle(rle['counts'].decode(), 1, sum(runs)) == rle


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=40))
def test_what_pycocotools_writes_is_read(runs):
    total = sum(runs)
    rle = coco_mask.frPyObjects({'size': [1, total], 'counts': runs}, 1, total)
    assert decode_counts(rle['counts'].decode()) == runs


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec='ascii'), max_size=30))
def test_any_text_is_a_mask_of_the_size_or_an_error(text):
    try:
        rle = read_rle(text, 4, 5)
    except ValueError as error:
        assert str(error).startswith('the RLE is invalid: ')
    else:
        assert sum(decode_counts(text)) == 20
        assert coco_mask.decode(rle).shape == (4, 5)


BAD = {
    'short': ([5, 5], 'its runs add up to 10 of 20 pixels'),
    'long': ([10, 10, 1], 'its runs add up to 21 of 20 pixels'),
    'none': ([], 'its runs add up to 0 of 20 pixels'),
    'negative': ([25, -5], 'run 0 must be 0 to 20 pixels long, got 25'),
    'huge': ([0, 10**400], 'run 1 must be 0 to 20 pixels long, got 1000000000000000'),
    'fractions': ([1.5, 18.5], 'must be a string or integers'),
    'truth values': ([True, 19], 'must be a string or integers'),
    'words': (['20'], 'must be a string or integers'),
    'nothing': (None, 'must be a string or integers, got None'),
    'cut off': ('d', 'it ends within a number'),
    'another character': ('é', "it has the character 'é'"),
    'endless number': ('o' * 3_000_000, 'run 0 is longer than any image'),
    'many runs': ('0' * 300_000, 'its runs add up to 0 of 20 pixels'),
    'growing differences': ('1' + 'ooooo7' * 100_000, 'pixels long, got'),
}


@pytest.mark.parametrize(('counts', 'message'), BAD.values(), ids=BAD)
def test_damaged(counts, message):
    with pytest.raises(ValueError, match=message):
        read_rle(counts, 4, 5)
