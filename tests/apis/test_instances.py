"""Boxes, masks and detections of every kind."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData

from mmvrec.apis.instances import image_instances
from mmvrec.structures import decode_mask

HEIGHT, WIDTH = 20, 30
BOXES = [[2.0, 3.0, 10.0, 9.0], [12.0, 1.0, 29.5, 20.0]]


def masks() -> np.ndarray:
    found = np.zeros((2, HEIGHT, WIDTH), bool)
    found[0, 3:9, 2:10] = found[1, 1:20, 12:29] = True
    return found


def drawn(entries: list[dict]) -> np.ndarray:
    return np.stack([decode_mask(e['mask'], e['bbox'], HEIGHT, WIDTH) > 0 for e in entries])


def data_sample(**fields):
    sample = BaseDataElement()
    sample.pred_instances = InstanceData(**fields)
    return sample


OF_BOXES = {
    'list': BOXES,
    'array': np.array(BOXES),
    'tensor': torch.tensor(BOXES),
    'torchvision': {'boxes': torch.tensor(BOXES), 'scores': torch.ones(2)},
    'InstanceData': InstanceData(bboxes=torch.tensor(BOXES), scores=torch.ones(2)),
    'DetDataSample': data_sample(bboxes=torch.tensor(BOXES)),
    'supervision': SimpleNamespace(xyxy=np.array(BOXES), mask=None),
}
OF_MASKS = {
    'bool': masks(),
    'uint8': masks().astype(np.uint8) * 255,
    'probabilities': torch.from_numpy(masks().astype(np.float32) * 0.6 + 0.3),
    'torchvision': {
        'boxes': torch.tensor(BOXES),
        'masks': torch.from_numpy(masks().astype(np.float32))[:, None],
    },
    'DetDataSample': data_sample(bboxes=torch.tensor(BOXES), masks=torch.from_numpy(masks())),
    'BitmapMasks': SimpleNamespace(
        bboxes=BOXES, masks=SimpleNamespace(masks=masks().astype(np.uint8))
    ),
    'supervision': SimpleNamespace(xyxy=np.array(BOXES), mask=masks()),
}


@pytest.mark.parametrize('instances', OF_BOXES.values(), ids=OF_BOXES)
def test_boxes(instances):
    found = image_instances(instances, HEIGHT, WIDTH)
    assert [entry['bbox'] for entry in found] == BOXES
    assert all(entry['mask'] is None for entry in found)


@pytest.mark.parametrize('instances', OF_MASKS.values(), ids=OF_MASKS)
def test_masks(instances):
    found = image_instances(instances, HEIGHT, WIDTH)
    assert np.array_equal(drawn(found), masks())
    assert found[0]['bbox'] == [2, 3, 10, 9]


def test_scores_of_detectors():
    for instances in (
        {'boxes': torch.tensor(BOXES), 'scores': torch.tensor([0.5, 0.25])},
        SimpleNamespace(xyxy=np.array(BOXES), mask=masks(), confidence=np.array([0.5, 0.25])),
        data_sample(bboxes=torch.tensor(BOXES), scores=torch.tensor([0.5, 0.25])),
    ):
        found = image_instances(instances, HEIGHT, WIDTH)
        assert [one['det_score'] for one in found] == [0.5, 0.25]
    assert all('det_score' not in one for one in image_instances(BOXES, HEIGHT, WIDTH))
    with pytest.raises(ValueError, match=r'2 instances, but scores of shape \(3,\)'):
        image_instances({'boxes': BOXES, 'scores': [0.1, 0.2, 0.3]}, HEIGHT, WIDTH)


def test_whole_image_and_none():
    whole = {'bbox': [0, 0, WIDTH, HEIGHT], 'mask': None}
    assert image_instances(None, HEIGHT, WIDTH) == [whole]
    for nothing in (
        [],
        np.zeros((0, 4)),
        np.zeros((0, HEIGHT, WIDTH)),
        {'boxes': torch.empty(0, 4)},
    ):
        assert image_instances(nothing, HEIGHT, WIDTH) == []


def test_boxes_are_cut_at_the_border():
    (entry,) = image_instances([[-0.5, 4, 31, 9.5]], HEIGHT, WIDTH)
    assert entry['bbox'] == [0, 4, WIDTH, 9.5]
    # A pixel, or 1 % of a side that is longer than 100.
    (entry,) = image_instances([[4, 4, 302.9, 21]], HEIGHT, 300)
    assert entry['bbox'] == [4, 4, 300, HEIGHT]
    for box in ([4, 4, 303.1, 9], [4, -1.1, 9, 9]):
        with pytest.raises(ValueError, match=r'box 1: .* leaves the image of 300 x 20 pixels'):
            image_instances([[1, 2, 3, 4], box], HEIGHT, 300)


BAD = {
    'NaN': ([[0, 0, np.nan, 3]], 'box 0 has NaN'),
    'no area': ([[0, 0, 9, 9], [5, 5, 5, 9]], 'box 1 .* has no area'),
    'outside': ([[40, 0, 50, 9]], 'box 0: .* leaves the image of 30 x 20'),
    'beside': ([[30, 0, 30.5, 9]], 'box 0.* lies beside the image'),
    'NaN score': ({'boxes': BOXES, 'scores': [0.5, np.nan]}, r'instances \[1\] are not finite'),
    'entry': (
        [{'bbox': [1, 2, 3, 4]}, {'segmentation': None, 'bbox': []}],
        'instance 1: .*neither',
    ),
    'entry without area': ([{'bbox': [1, 2, 0, 4]}], 'instance 0: the box .* has no area'),
    'entry of text': ([{'bbox': 'none'}], 'instance 0: '),
    'mask of an entry': (
        [{'segmentation': np.ones((WIDTH, HEIGHT), bool)}],
        r'instance 0: .*\[30, 20\].*\[20, 30\]',
    ),
    'several outputs': ([{'boxes': BOXES}, {'boxes': BOXES}], 'must be boxes'),
    'five numbers': ([[0, 0, 9, 9, 0.5]], 'masks must have shape'),
    'flat': ([0, 0, 9, 9], 'masks must have shape'),
    'boxes of five': ({'boxes': [[0, 0, 9, 9, 0.5]]}, r'boxes must have shape \(N, 4\)'),
    'ragged': ([[0, 0, 9, 9], [1, 2]], 'must be boxes'),
    'text': ('a.png', 'must be boxes'),
    'size': (np.ones((1, WIDTH, HEIGHT), bool), r'\(N, 20, 30\), got \(1, 30, 20\)'),
    'empty mask': (np.zeros((1, HEIGHT, WIDTH), bool), r'masks \[0\] are empty'),
    'numbers differ': ({'boxes': BOXES, 'masks': masks()[:1]}, '2 boxes and 1 masks'),
}


@pytest.mark.parametrize(('instances', 'message'), BAD.values(), ids=BAD)
def test_bad_instances(instances, message):
    with pytest.raises(ValueError, match=message):
        image_instances(instances, HEIGHT, WIDTH)
