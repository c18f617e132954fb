import numpy as np
import pytest

from mmvrec.datasets.clean_regions import sample_clean_boxes

ANNOTATED = [[10.4, 20.0, 30.2, 50.0], [60.0, 5.0, 75.0, 12.0]]


def overlap(a, b) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


@pytest.mark.parametrize('seed', range(20))
def test_boxes_touch_nothing_and_have_annotated_sizes(seed):
    boxes = sample_clean_boxes((100, 120), ANNOTATED, 6, seed)
    assert len(boxes) == 6
    for index, box in enumerate(boxes):
        assert (box[2] - box[0], box[3] - box[1]) in {(20.0, 30.0), (15.0, 7.0)}
        assert box[0] >= 0 and box[1] >= 0 and box[2] <= 120 and box[3] <= 100
        others = ANNOTATED + boxes[:index]
        assert all(overlap(box, other) == 0 for other in others)


def test_the_margin_is_kept_free():
    wide = [[x1 - 9, y1 - 9, x2 + 9, y2 + 9] for x1, y1, x2, y2 in ANNOTATED]
    for seed in range(20):
        for box in sample_clean_boxes((100, 120), ANNOTATED, 3, seed, margin=9):
            assert all(overlap(box, other) == 0 for other in wide)


def test_the_same_seed_gives_the_same_boxes():
    assert sample_clean_boxes((100, 120), ANNOTATED, 3, 4) == sample_clean_boxes(
        (100, 120), ANNOTATED, 3, 4
    )
    drawn = {str(sample_clean_boxes((100, 120), ANNOTATED, 1, seed)) for seed in range(20)}
    assert len(drawn) > 15


def test_every_place_that_is_free_is_found():
    """A strip of one box's width beside the defect: its two places are drawn equally often."""
    drawn = [
        sample_clean_boxes((11, 15), [[0, 0, 10, 11]], 1, seed, sizes=[[0, 0, 5, 10]])[0]
        for seed in range(200)
    ]
    tops, counts = np.unique([box[1] for box in drawn], return_counts=True)
    assert tops.tolist() == [0, 1]
    assert counts.min() > 70
    assert {box[0] for box in drawn} == {10.0}


def test_no_room_is_told():
    with pytest.raises(ValueError, match='0 of 1 clean boxes fit into the image of 15 x 11'):
        sample_clean_boxes((11, 15), [[0, 0, 11, 11]], 1, sizes=[[0, 0, 5, 10]])
    with pytest.raises(ValueError, match=r'1 of 2 clean boxes fit .* no room for one of 5 x 10'):
        sample_clean_boxes((11, 15), [[0, 0, 10, 11]], 2, sizes=[[0, 0, 5, 10]])
    with pytest.raises(ValueError, match='no room for one of 20 x 4'):
        sample_clean_boxes((11, 15), [], 1, sizes=[[0, 0, 20, 4]])


def test_an_image_without_annotation_needs_sizes():
    with pytest.raises(ValueError, match='needs the sizes of others: give sizes=boxes'):
        sample_clean_boxes((11, 15), [], 1)
    with pytest.raises(ValueError, match='number must be at least 1 and margin 0, got 0 and 0'):
        sample_clean_boxes((11, 15), ANNOTATED, 0)
