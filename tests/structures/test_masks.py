"""Masks of instances: polygons, boxes and run lengths."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmvrec.structures import decode_mask, encode_mask, mask_bbox


def polygon(*points):
    return {'type': 'polygon', 'points': [list(part) for part in points]}


def test_polygons_are_the_published_masks(fixtures):
    with np.load(fixtures('crops_io.npz')) as file:
        polygons, masks = json.loads(str(file['polygons_json'])), file['masks']
        boxes = file['bboxes']
    assert len(polygons) == 3
    instances = polygons.values() if isinstance(polygons, dict) else polygons
    for points, mask, box in zip(instances, masks, boxes, strict=True):
        decoded = decode_mask(polygon(points), box.tolist(), 480, 640)
        assert decoded.dtype == np.uint8
        assert np.array_equal(decoded, mask)
    assert int((masks[2] > 0).sum()) == 20


def test_box_outline_is_inclusive():
    mask = decode_mask(None, [2.0, 1.0, 5.0, 5.0], 8, 9)
    expected = np.zeros((8, 9), np.uint8)
    expected[1:6, 2:6] = 255
    assert np.array_equal(mask, expected)


BOXES = {
    'fractions are cut off': ([2.9, 1.9, 5.9, 5.2], (1, 5, 2, 5)),
    'one pixel': ([3, 3, 3, 3], (3, 3, 3, 3)),
    'past the border': ([5, 4, 20, 30], (4, 7, 5, 8)),
    'before the border': ([-5, -4, 2, 1], (0, 1, 0, 2)),
    'whole image': ([0, 0, 9, 8], (0, 7, 0, 8)),
}


@pytest.mark.parametrize(('box', 'expected'), BOXES.values(), ids=BOXES)
def test_boxes(box, expected):
    top, bottom, left, right = expected
    mask = np.zeros((8, 9), np.uint8)
    mask[top : bottom + 1, left : right + 1] = 255
    assert np.array_equal(decode_mask(None, box, 8, 9), mask)


SQUARE = [[1, 1], [6, 1], [6, 6], [1, 6]]
SHIFTED = [[4, 4], [9, 4], [9, 9], [4, 9]]


@pytest.mark.parametrize('parts', [(SQUARE, SHIFTED), (SHIFTED, SQUARE), (SQUARE, SQUARE, SHIFTED)])
def test_overlapping_polygons_are_united(parts):
    mask = decode_mask(polygon(*parts), [0, 0, 1, 1], 12, 12)
    expected = np.zeros((12, 12), np.uint8)
    expected[1:7, 1:7] = 255
    expected[4:10, 4:10] = 255
    assert np.array_equal(mask, expected)


def test_entry_comes_before_the_box():
    mask = decode_mask(polygon(SQUARE), [9, 9, 11, 11], 12, 12)
    assert mask_bbox(mask) == [1, 1, 7, 7]


@st.composite
def binary_masks(draw):
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    bits = draw(st.binary(min_size=height * width, max_size=height * width))
    return np.frombuffer(bits, np.uint8).reshape(height, width) % draw(st.integers(2, 9)) == 0


@settings(max_examples=150, deadline=None)
@given(binary_masks())
def test_run_lengths_come_back(mask):
    entry = json.loads(json.dumps(encode_mask(mask)))
    height, width = mask.shape
    decoded = decode_mask(entry, [0, 0, 1, 1], height, width)
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, mask * np.uint8(255))


@pytest.mark.parametrize('value', [1, 2, 128, 255])
@pytest.mark.parametrize('dtype', [np.uint8, np.int32, np.uint16])
def test_everything_but_zero_is_foreground(value, dtype):
    mask = np.zeros((4, 5), dtype)
    mask[1:3, 2] = value
    entry = encode_mask(mask)
    assert (entry['type'], entry['size']) == ('rle', [4, 5])
    assert np.array_equal(decode_mask(entry, [], 4, 5), (mask > 0) * np.uint8(255))


@settings(max_examples=50, deadline=None)
@given(binary_masks().filter(lambda mask: mask.any()))
def test_box_of_a_mask_holds_exactly_its_foreground(mask):
    x1, y1, x2, y2 = map(int, mask_bbox(mask))
    assert mask[y1:y2, x1:x2].sum() == mask.sum()
    inside = mask[y1:y2, x1:x2]
    assert inside[0].any() and inside[-1].any()
    assert inside[:, 0].any() and inside[:, -1].any()


BAD_RUN_LENGTHS = {
    'height and width swapped': ([5, 4], r'image of 5 x 4 pixels \(height x width\).*has 4 x 5'),
    'another image': ([480, 640], 'image of 480 x 640 pixels'),
}


@pytest.mark.parametrize(('size', 'message'), BAD_RUN_LENGTHS.values(), ids=BAD_RUN_LENGTHS)
def test_run_lengths_of_another_size(size, message):
    entry = {**encode_mask(np.ones((4, 5))), 'size': size}
    with pytest.raises(ValueError, match=message):
        decode_mask(entry, [0, 0, 1, 1], 4, 5)


@settings(max_examples=50, deadline=None)
@given(binary_masks(), st.data())
def test_cut_run_lengths_are_refused(mask, data):
    """Their end would be whatever the memory held before."""
    entry = encode_mask(mask)
    length = data.draw(st.integers(0, len(entry['counts']) - 1))
    cut = {**entry, 'counts': entry['counts'][:length]}
    with pytest.raises(ValueError, match='the RLE mask cannot be decoded'):
        decode_mask(cut, [0, 0, 1, 1], *mask.shape)


@pytest.mark.parametrize('counts', ['hello', '~~~~', '0' * 500, '', 'P', 'e0', 'ü', 7])
def test_damaged_run_lengths(counts):
    entry = {'type': 'rle', 'size': [4, 5], 'counts': counts}
    with pytest.raises(ValueError, match='the RLE mask cannot be decoded'):
        decode_mask(entry, [0, 0, 1, 1], 4, 5)
