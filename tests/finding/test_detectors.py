"""Outputs of other libraries, in the shapes that they have."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmvrec.finding import AnomalibFinder, DetectorFinder, TorchvisionFinder

IMAGE = np.zeros((60, 80, 3), np.uint8)
BOXES = [[1.0, 2, 30, 40], [5, 6, 20, 30], [0, 0, 80, 60]]


def test_mmdetection():
    """``DetDataSample.pred_instances`` of RTMDet-Ins, with masks on the device."""
    masks = torch.zeros(3, 60, 80, dtype=torch.bool)
    masks[1, 6:30, 5:20] = True
    sample = SimpleNamespace(
        pred_instances=InstanceData(
            bboxes=torch.tensor(BOXES), scores=torch.tensor([0.4, 0.9, 0.1]), masks=masks
        )
    )
    found = DetectorFinder(lambda image: sample).find(IMAGE)
    assert found.boxes.tolist() == [BOXES[1], BOXES[0]]
    np.testing.assert_allclose(found.scores, [0.9, 0.4])
    assert found.masks.dtype == bool
    assert found.masks.sum((1, 2)).tolist() == [24 * 15, 0]


def test_detectors_of_the_project():
    """``Detections`` of projects/mmdet_mvrec: arrays, perhaps without masks."""
    detections = SimpleNamespace(
        bboxes=np.array(BOXES), scores=np.array([0.4, 0.9, 0.1]), masks=None
    )
    found = DetectorFinder(lambda image: detections, min_score=0).find(IMAGE)
    assert len(found) == 3
    assert found.masks is None


class MaskDetector(torch.nn.Module):
    """Gives what torchvision's Mask R-CNN gives, and checks what it gets."""

    def forward(self, images):
        (image,) = images
        assert image.shape == (3, 60, 80)
        assert image.dtype == torch.float32
        assert image.max() == 1
        masks = torch.full((1, 1, 60, 80), 0.2)
        masks[0, 0, :10, :10] = 0.8
        return [
            {
                'boxes': torch.tensor(BOXES[:1]),
                'labels': torch.tensor([1]),
                'scores': torch.tensor([0.7]),
                'masks': masks,
            }
        ]


def test_torchvision():
    found = TorchvisionFinder(MaskDetector()).find(np.full_like(IMAGE, 255))
    assert found.boxes.tolist() == BOXES[:1]
    assert found.masks.sum() == 100


def test_nothing_detected():
    empty = {'boxes': torch.zeros(0, 4), 'labels': torch.zeros(0), 'scores': torch.zeros(0)}
    assert len(DetectorFinder(lambda image: empty).find(IMAGE)) == 0


def test_a_detector_without_scores():
    with pytest.raises(ValueError, match='must give bboxes or boxes, and scores; got dict'):
        DetectorFinder(lambda image: {'boxes': BOXES}).find(IMAGE)


def prediction(shape):
    """``ImageBatch`` of anomalib's TorchInferencer: one image, at the size of the model."""
    anomaly_map, mask = torch.zeros(shape), torch.zeros(shape, dtype=torch.bool)
    anomaly_map[..., 8:16, 8:16], mask[..., 8:16, 8:16] = 0.9, True
    anomaly_map[..., 24:32, 0:16], mask[..., 24:32, 0:16] = 0.7, True
    return SimpleNamespace(anomaly_map=anomaly_map, pred_mask=mask)


@pytest.mark.parametrize('shape', [(1, 32, 32), (1, 1, 32, 32), (32, 32)])
def test_anomalib(shape):
    inferencer = SimpleNamespace(predict=lambda image: prediction(shape))
    found = AnomalibFinder(inferencer).find(IMAGE)
    np.testing.assert_allclose(found.scores, [0.9, 0.7])
    np.testing.assert_allclose(found.boxes, [[20, 15, 40, 30], [0, 45, 40, 60]], atol=1)
    assert found.heat_map.shape == (60, 80)
    assert len(AnomalibFinder(inferencer, min_area=400).find(IMAGE)) == 1


@pytest.mark.parametrize('bad', [None, torch.zeros(2, 32, 32), torch.tensor(0.5)])
def test_anomalib_without_maps_of_one_image(bad):
    inferencer = SimpleNamespace(predict=lambda image: SimpleNamespace(anomaly_map=bad))
    with pytest.raises(ValueError, match='must be of one image'):
        AnomalibFinder(inferencer).find(IMAGE)
