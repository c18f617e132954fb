"""Finders that learn from records, and what they find as files."""

import json

import cv2
import numpy as np
import pytest
from small_finder import SIZE, photo, small_finder

from mmvrec.apis.finding import annotated_photos, coco_results, fit_finder, outlined
from mmvrec.apis.instance_files import read_instances
from mmvrec.finding import DetectedBoxes
from mmvrec.structures import encode_mask, mask_bbox

HEIGHT, WIDTH = SIZE


def record(path, mask=None, box=(0.0, 0.0, float(WIDTH), float(HEIGHT))):
    return {
        'img_path': path and str(path),
        'img_shape': SIZE,
        'bbox': list(box) if mask is None else mask_bbox(mask),
        'mask': None if mask is None else encode_mask(mask),
    }


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f'{number}.png' for number in range(6)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), photo(number)[0][..., ::-1])
    return paths


def test_records_teach_what_masks_teach(files):
    records = [record(path, photo(number)[1][0]) for number, path in enumerate(files)]
    state, expected = (
        fit_finder(annotated_photos(records), false_alarms=1).state,
        small_finder().state,
    )
    np.testing.assert_array_equal(state.patches.weight, expected.patches.weight)
    assert state.threshold == expected.threshold


def test_whole_images_teach_nothing(files):
    with pytest.raises(ValueError, match='whole images are annotated'):
        fit_finder(annotated_photos([record(path) for path in files]))
    with pytest.raises(ValueError, match='image files; arrays have no names'):
        annotated_photos([record(None)])


def test_results_are_read_back(files, tmp_path):
    masks = np.zeros((2, HEIGHT, WIDTH), bool)
    masks[0, 10:20, 30:50], masks[1, 100:110, 5:9] = True, True
    boxes = np.array([mask_bbox(mask) for mask in masks], np.float32)
    found = [
        DetectedBoxes(boxes, np.array([0.9, 0.4], np.float32), masks),
        DetectedBoxes(boxes[:0], np.zeros(0, np.float32), masks[:0]),
    ]
    names = [str(path) for path in files[:2]]
    results = coco_results(names, found)
    assert results[0]['bbox'] == [30, 10, 20, 10]
    (tmp_path / 'found.json').write_text(json.dumps(results))
    first, second = read_instances(tmp_path / 'found.json', names)
    assert first['masks'].tolist() == masks.tolist()
    np.testing.assert_allclose(first['scores'], [0.9, 0.4], rtol=1e-6)
    assert len(second['scores']) == 0


def test_outlines_lie_beside(files):
    image, mask = photo(0)
    boxes = np.array([mask_bbox(mask[0])], np.float32)
    for masks in (mask, None):
        picture = outlined(image, DetectedBoxes(boxes, np.ones(1, np.float32), masks))
        changed = (picture != image).any(2)
        assert changed.any()
        assert not changed[mask[0]].any()
