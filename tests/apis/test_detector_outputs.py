"""Outputs of many detectors, of two defects, are the same instances."""

import numpy as np
import pytest
import torch
from detector_outputs import (
    Detectron2Boxes,
    Detectron2Instances,
    SupervisionDetections,
    UltralyticsResults,
    letterboxed,
    sam_masks,
)
from mmengine.structures import BaseDataElement, InstanceData
from pycocotools import mask as coco_mask

from mmvrec.apis.instances import image_instances
from mmvrec.structures import decode_mask

HEIGHT, WIDTH = 40, 60
BOXES = [[2.0, 3.0, 10.0, 9.0], [12.0, 1.0, 29.0, 20.0]]
SCORES = [0.5, 0.25]
TENSOR = torch.tensor(BOXES)
MASKS = np.zeros((2, HEIGHT, WIDTH), bool)
MASKS[0, 3:9, 2:10] = MASKS[1, 1:20, 12:29] = True
ROWS = torch.tensor([[*box, score, 0] for box, score in zip(BOXES, SCORES, strict=True)])
RLES = [coco_mask.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in MASKS]


def detectron2(**fields) -> Detectron2Instances:
    return Detectron2Instances(
        (HEIGHT, WIDTH), pred_boxes=Detectron2Boxes(TENSOR), scores=torch.tensor(SCORES), **fields
    )


def data_sample(**fields) -> BaseDataElement:
    return BaseDataElement(pred_instances=InstanceData(scores=torch.tensor(SCORES), **fields))


def uncompressed(mask: np.ndarray) -> dict:
    flat = np.concatenate([[0], mask.flatten(order='F'), [1 - mask.flatten(order='F')[-1]]])
    ends = np.flatnonzero(np.diff(flat.astype(int)))
    return {'size': [HEIGHT, WIDTH], 'counts': np.diff([0, *ends.tolist()]).tolist()}


def entries(segmentations) -> list[dict]:
    return [
        {'image_id': 1, 'category_id': 1, 'segmentation': own, 'score': score}
        for own, score in zip(segmentations, SCORES, strict=True)
    ]


def corners(x1, y1, x2, y2) -> list[list[float]]:
    return [[x1, y1, x2, y1, x2, y2, x1, y2]]


OF_BOXES = {
    'Ultralytics': UltralyticsResults((HEIGHT, WIDTH), ROWS),
    'Detectron2': {'instances': detectron2()},
    'torchvision': {'boxes': TENSOR, 'labels': torch.ones(2), 'scores': torch.tensor(SCORES)},
    'supervision': SupervisionDetections(np.array(BOXES), confidence=np.array(SCORES)),
    'InstanceData': InstanceData(bboxes=TENSOR, scores=torch.tensor(SCORES)),
    'DetDataSample': data_sample(bboxes=TENSOR),
    'boxes in an object': data_sample(bboxes=Detectron2Boxes(TENSOR)),
    'to_dict': data_sample(bboxes=TENSOR).to_dict(),
    'DetInferencer': {'labels': [0, 0], 'scores': SCORES, 'bboxes': BOXES},
    'COCO results': [
        {'bbox': [x1, y1, x2 - x1, y2 - y1], 'score': score}
        for (x1, y1, x2, y2), score in zip(BOXES, SCORES, strict=True)
    ],
    'bfloat16': {'boxes': TENSOR.bfloat16(), 'scores': torch.tensor(SCORES).bfloat16()},
    'half, with gradient': {
        'boxes': TENSOR.half().requires_grad_(),
        'scores': [torch.tensor(score, dtype=torch.bfloat16) for score in SCORES],
    },
}
OF_MASKS = {
    'Ultralytics, retina_masks': UltralyticsResults(
        (HEIGHT, WIDTH), ROWS, torch.from_numpy(MASKS.astype(np.float32))
    ),
    'Ultralytics, masks of the network': UltralyticsResults(
        (HEIGHT, WIDTH), ROWS, letterboxed(MASKS, 240)
    ),
    'Detectron2': {'instances': detectron2(pred_masks=torch.from_numpy(MASKS))},
    'supervision': SupervisionDetections(np.array(BOXES), MASKS, np.array(SCORES)),
    'InstanceData': InstanceData(masks=torch.from_numpy(MASKS), scores=torch.tensor(SCORES)),
    'DetInferencer': {'bboxes': BOXES, 'scores': SCORES, 'masks': RLES},
    'SAM': sam_masks(MASKS, SCORES),
    'SAM, binary_mask of tensors': [
        {**one, 'segmentation': torch.from_numpy(one['segmentation'])}
        for one in sam_masks(MASKS, SCORES)
    ],
    'SAM, coco_rle': [
        {**one, 'segmentation': {**rle, 'counts': rle['counts'].decode()}}
        for one, rle in zip(sam_masks(MASKS, SCORES), RLES, strict=True)
    ],
    'bytes': entries(RLES),
    'uncompressed': entries(map(uncompressed, MASKS)),
    'polygons': entries(corners(*box) for box in BOXES),
    'bfloat16': {
        'masks': torch.from_numpy(MASKS).bfloat16()[:, None],
        'scores': torch.tensor(SCORES),
    },
}


def check(instances: object, masks: bool) -> None:
    found = image_instances(instances, HEIGHT, WIDTH)
    assert [one['bbox'] for one in found] == BOXES
    assert [one['det_score'] for one in found] == SCORES
    if masks:
        drawn = [decode_mask(one['mask'], one['bbox'], HEIGHT, WIDTH) > 0 for one in found]
        np.testing.assert_array_equal(drawn, MASKS)
    else:
        assert [one['mask'] for one in found] == [None, None]


@pytest.mark.parametrize('output', OF_BOXES.values(), ids=OF_BOXES)
def test_boxes(output):
    check(output, masks=False)


@pytest.mark.parametrize('output', OF_MASKS.values(), ids=OF_MASKS)
def test_masks(output):
    check(output, masks=True)


@pytest.mark.parametrize('name', ['Ultralytics', 'Detectron2', 'torchvision', 'DetDataSample'])
def test_a_list_of_one_output(name):
    check([OF_BOXES[name]], masks=False)
    check((OF_BOXES[name],), masks=False)


def test_one_instance_is_one_instance():
    for alone in (sam_masks(MASKS[:1], [0.5]), [{'bbox': [2, 3, 8, 6], 'score': 0.5}]):
        (found,) = image_instances(alone, HEIGHT, WIDTH)
        assert (found['bbox'], found['det_score']) == (BOXES[0], 0.5)
    (found,) = image_instances([BOXES[0]], HEIGHT, WIDTH)
    assert found == {'bbox': BOXES[0], 'mask': None}


NOTHING = {
    'Ultralytics': [UltralyticsResults((HEIGHT, WIDTH), torch.zeros(0, 6))],
    'Detectron2': Detectron2Instances(
        (HEIGHT, WIDTH), pred_boxes=Detectron2Boxes(torch.zeros(0, 4)), scores=torch.zeros(0)
    ),
    'torchvision': [
        {'boxes': torch.zeros(0, 4), 'masks': torch.zeros(0, 1, HEIGHT, WIDTH),
         'scores': torch.zeros(0)}
    ],
    'supervision': SupervisionDetections(np.zeros((0, 4)), None, np.zeros(0)),
    'SAM': [],
}  # fmt: skip


@pytest.mark.parametrize('output', NOTHING.values(), ids=NOTHING)
def test_nothing_found(output):
    assert image_instances(output, HEIGHT, WIDTH) == []


@pytest.mark.parametrize('side', [32, 64, 100, 640])
def test_masks_of_the_network_reach_their_place(side):
    """To within a pixel of the coarser of the two grids."""
    found = image_instances(
        UltralyticsResults((HEIGHT, WIDTH), ROWS, letterboxed(MASKS, side)), HEIGHT, WIDTH
    )
    np.testing.assert_allclose([one['bbox'] for one in found], BOXES, atol=max(1, 60 / side))


def test_results_of_another_image_are_refused():
    other = UltralyticsResults((WIDTH, HEIGHT), ROWS, letterboxed(MASKS, 64))
    with pytest.raises(ValueError, match=r'\(N, 40, 60\), got \(2, 60, 40\)'):
        image_instances(other, HEIGHT, WIDTH)


def test_what_leaves_the_image_names_its_place():
    rows = ROWS.clone()
    rows[1, 2] = WIDTH + 0.9
    found = image_instances(UltralyticsResults((HEIGHT, WIDTH), rows), HEIGHT, WIDTH)
    assert found[1]['bbox'] == [12, 1, WIDTH, 20]
    rows[1, 2] = WIDTH + 2
    with pytest.raises(ValueError, match='box 1: the box leaves the image of 60 x 40'):
        image_instances(UltralyticsResults((HEIGHT, WIDTH), rows), HEIGHT, WIDTH)
    with pytest.raises(ValueError, match='instance 0: the polygon leaves the image of 60 x 40'):
        image_instances(entries([corners(1, 1, 9, 44)] * 2), HEIGHT, WIDTH)
