"""Two stages in one call: a detector finds, MVREC names."""

import json
import sys

import cv2
import numpy as np
import pytest
import torch
from dataset_layouts import write_labelme
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import DefaultScope
from torchvision.models import get_model

from mmvrec.apis import DefectInferencer
from mmvrec.datasets import LabelMeDefects
from mmvrec.datasets.formats.coco_export import to_coco
from mmvrec.datasets.formats.detections import read_detections
from mmvrec.structures import decode_mask, mask_bbox
from mmvrec.utils.resources import config_file
from projects.mmdet_mvrec.mmdet_mvrec import TorchvisionDetector, TwoStageInferencer
from projects.mmdet_mvrec.mmdet_mvrec.detectors import Detections
from projects.mmdet_mvrec.tools import detect, write_detections

TORCHVISION = 'projects/mmdet_mvrec/configs/torchvision_faster-rcnn_mvrec.py'


@pytest.fixture
def folder(tmp_path):
    """Images, and a classifier of them."""
    write_labelme(tmp_path / 'data')
    cfg = Config.fromfile(config_file('mvrec/zipa_5shot_mtd_tiny.py'))
    cfg.test_dataloader.dataset.pipeline[2].offsets = (0,)
    inferencer = DefectInferencer(cfg, device='cpu')
    inferencer.enroll_dataset(LabelMeDefects(data_root=str(tmp_path / 'data')))
    inferencer.fit().save(tmp_path / 'defects.safetensors')
    return tmp_path


def images_of(folder) -> list[str]:
    return sorted(map(str, (folder / 'data').rglob('*.png')))[:2]


@pytest.fixture
def weights(tmp_path) -> str:
    """Random weights of the smallest Faster R-CNN."""
    torch.manual_seed(0)
    model = get_model(
        'fasterrcnn_mobilenet_v3_large_320_fpn', weights=None, weights_backbone=None, num_classes=2
    )
    torch.save(model.state_dict(), tmp_path / 'd.pth')
    return str(tmp_path / 'd.pth')


def test_any_callable_is_a_detector(folder):
    boxes = np.array([[40, 20, 60, 40], [10, 8, 30, 20], [0, 0, 5, 5], [2, 2, 9, 9]], float)
    scores = np.array([0.9, 0.8, 0.1, 0.7])
    seen = []

    def detector(image):
        seen.append(image)
        order = np.argsort(-scores)
        return Detections(boxes[order], scores[order])

    both = TwoStageInferencer(detector, folder / 'defects.safetensors', max_per_image=2)
    paths = images_of(folder)
    results = both(paths, out_dir=folder / 'out')
    assert [len(found) for found in results] == [2, 2]
    # RGB, as this package reads images.
    np.testing.assert_array_equal(seen[0], cv2.imread(paths[0])[..., ::-1])
    alone = DefectInferencer.load(folder / 'defects.safetensors')(paths, [boxes[:2]] * 2)
    for found, expected in zip(results, alone, strict=True):
        assert [one['det_score'] for one in found] == [0.9, 0.8]
        for one, other in zip(found, expected, strict=True):
            assert one['scores'] == pytest.approx(other['scores'])
            assert one['bbox'] == other['bbox']
    stored = json.loads((folder / 'out/preds/0.json').read_text())
    assert [one['det_score'] for one in stored] == [0.9, 0.8]


def test_masks_and_what_is_outside(folder, log_records):
    masks = np.zeros((4, 48, 64), bool)
    masks[0, 8:20, 10:30] = True
    masks[2:, 0:5, 0:5] = True
    boxes = np.array([[10, 8, 30, 20], [0, 0, 9, 9], [70, 0, 80, 5], [50, 0, 80, 5]], float)
    both = TwoStageInferencer(
        lambda image: Detections(boxes, np.array([0.9, 0.8, 0.7, 0.6]), masks),
        folder / 'defects.safetensors',
    )
    ((one,),) = both(images_of(folder)[:1])
    assert one['bbox'] == [10, 8, 30, 20]
    # An empty mask, a box beside the image, and one that leaves it.
    assert any('3 detections have no pixel in the image' in r.msg for r in log_records)


def test_torchvision_with_one_config_and_one_call(folder, weights, monkeypatch, capsys):
    paths = images_of(folder)
    options = [f'detector.checkpoint={weights}', 'detector.device=cpu', 'score_threshold=0.0']
    options += [f'classifier={folder / "defects.safetensors"}', 'max_per_image=3']
    command = ['detect.py', TORCHVISION, *paths, '--out-dir', str(folder / 'out')]
    monkeypatch.setattr(sys, 'argv', [*command, '--cfg-options', *options])
    detect.main()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(paths[0])]
    stored = json.loads((folder / 'out/preds/0.json').read_text())
    assert len(lines) == len(stored) > 0
    found = TorchvisionDetector('fasterrcnn_mobilenet_v3_large_320_fpn', weights, device='cpu')(
        cv2.imread(paths[0])[..., ::-1]
    )
    assert (np.diff(found.scores) <= 0).all()
    assert [one['det_score'] for one in stored] == pytest.approx(found.scores[:3].tolist())
    for one, box in zip(stored, found.bboxes, strict=False):
        assert one['bbox'] == pytest.approx(box.tolist(), abs=1e-4)
    assert cv2.imread(str(folder / 'out/vis/0.png')).shape == (384, 512, 3)


def test_an_image_without_defects_is_told(folder, weights, monkeypatch, capsys):
    path = images_of(folder)[0]
    options = [f'detector.checkpoint={weights}', 'detector.device=cpu', 'score_threshold=1.1']
    options += [f'classifier={folder / "defects.safetensors"}']
    command = ['detect.py', TORCHVISION, path, '--out-dir', str(folder / 'out')]
    monkeypatch.setattr(sys, 'argv', [*command, '--cfg-options', *options])
    detect.main()
    assert f'{path}: nothing found' in capsys.readouterr().out
    assert json.loads((folder / 'out/preds/0.json').read_text()) == []


def test_results_for_the_det_configs(folder, weights, monkeypatch):
    annotated = LabelMeDefects(data_root=str(folder / 'data'))
    (folder / 'i.json').write_text(json.dumps(to_coco(annotated)))
    command = ['write_detections.py', TORCHVISION, str(folder / 'i.json'), str(folder / 'o.json')]
    options = [f'detector.checkpoint={weights}', 'detector.device=cpu']
    monkeypatch.setattr(
        sys, 'argv', [*command, '--prefix', str(folder / 'data'), '--cfg-options', *options]
    )
    write_detections.main()
    found = read_detections(folder / 'o.json', folder / 'i.json')
    first = annotated.get_data_info(0)['img_path']
    detector = TorchvisionDetector('fasterrcnn_mobilenet_v3_large_320_fpn', weights, device='cpu')
    expected = detector(cv2.imread(first)[..., ::-1])
    own = [one for one in found if first.endswith(one.image)]
    assert len(own) == len(expected.scores) > 0
    np.testing.assert_allclose([one.bbox for one in own], expected.bboxes, atol=1e-4)
    np.testing.assert_allclose([one.score for one in own], expected.scores)


def test_no_more_are_written_than_coco_looks_at():
    scores = np.linspace(1, 0, 150)
    entries = write_detections.coco_results(3, Detections(np.ones((150, 4)), scores))
    assert [entry['score'] for entry in entries] == scores[:100].tolist()


def test_masks_of_results():
    masks = np.zeros((1, 48, 64), bool)
    masks[0, 8:20, 10:30] = True
    (entry,) = write_detections.coco_results(
        3, Detections(np.array([[10.0, 8, 30, 20]]), np.array([0.5]), masks)
    )
    assert entry['bbox'] == [10, 8, 20, 12]
    mask = {'type': 'rle', **entry['segmentation']}
    assert (decode_mask(mask, [], 48, 64) > 0).tolist() == masks[0].tolist()


def test_a_detector_that_gives_nan_is_told(folder):
    box = np.array([[10.0, 8, 30, 20]])
    both = TwoStageInferencer(
        lambda image: Detections(box, np.array([np.nan])), folder / 'defects.safetensors'
    )
    path = images_of(folder)[0]
    with pytest.raises(ValueError, match=f'{path}: the detector gives scores of NaN'):
        both([path])
    with pytest.raises(ValueError, match='score_threshold must be at least 0, got nan'):
        TwoStageInferencer(both.detector, both.classifier, score_threshold=float('nan'))


def test_a_config_without_detector_is_told(tmp_path, monkeypatch):
    (tmp_path / 'c.py').write_text('score_threshold = 0.5\n')
    (tmp_path / 'i.json').write_text('{"images": []}')
    paths = [str(tmp_path / name) for name in ('c.py', 'i.json', 'o.json')]
    monkeypatch.setattr(sys, 'argv', ['write_detections.py', *paths])
    with pytest.raises(SystemExit, match='names no detector'):
        write_detections.main()


def test_fields_of_the_config_are_checked(tmp_path):
    (tmp_path / 'c.py').write_text("detector = dict(type='TorchvisionDetector')\nthreshold = 0.5\n")
    with pytest.raises(ValueError, match=r"unknown: \['threshold'\], .* missing: \['classifier'\]"):
        TwoStageInferencer.from_config(tmp_path / 'c.py')


def test_output_is_checked_before_the_detector_runs(tmp_path, monkeypatch):
    command = ['write_detections.py', TORCHVISION, 'none.json', str(tmp_path)]
    monkeypatch.setattr(sys, 'argv', command)
    with pytest.raises(SystemExit, match='is a folder; name a file to write'):
        write_detections.main()


def test_missing_weights_are_told(folder, monkeypatch):
    command = ['detect.py', TORCHVISION, 'a.png', '--out-dir', str(folder / 'out')]
    monkeypatch.setattr(sys, 'argv', command)
    with pytest.raises(SystemExit, match=r'error: no weights of the detector at work_dirs'):
        detect.main()
    assert not (folder / 'out').exists()


#: Detectors of MMDetection, and what lets even random weights find something.
MMDETECTION = {
    'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py': {},
    'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py': {},
    'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py': {'model.test_cfg.rcnn.score_thr': 0.0},
    'mmdet::mask_rcnn/mask-rcnn_r18_fpn_8xb8-amp-lsj-200e_coco.py': {
        'model.test_cfg.rcnn.score_thr': 0.0,
        'model.test_cfg.rcnn.mask_thr_binary': 0.0,
    },
    'mmdet::deformable_detr/deformable-detr_r50_16xb2-50e_coco.py': {},
    # Its own.
    'projects/mmdet_mvrec/configs/rtmdet-tiny_neudet.py': {},
}


@pytest.mark.parametrize('config', MMDETECTION)
def test_detectors_of_mmdetection(folder, config):
    apis = pytest.importorskip('mmdet.apis', reason='MMDetection, with operators, is not installed')
    torch.manual_seed(0)
    both = TwoStageInferencer.from_config(
        'projects/mmdet_mvrec/configs/rtmdet-tiny_mvrec.py',
        {
            'detector.config': config,
            'detector.checkpoint': None,
            'detector.device': 'cpu',
            'detector.cfg_options': MMDETECTION[config],
            'classifier': str(folder / 'defects.safetensors'),
            'score_threshold': 0.0,
            'max_per_image': 3,
        },
    )
    paths = images_of(folder)
    for path, found in zip(paths, both(paths), strict=True):
        # As MMDetection reads it: BGR.
        image = cv2.imread(path)
        with DefaultScope.overwrite_default_scope('mmdet'):
            expected = apis.inference_detector(both.detector.model, image).pred_instances.numpy()
        boxes = expected.bboxes.clip(0, [64, 48, 64, 48])
        masks = expected.get('masks')
        if masks is not None:
            boxes = np.array([mask_bbox(mask) if mask.any() else [0] * 4 for mask in masks])
        inside = (boxes[:, 2:] > boxes[:, :2]).all(1)
        order = np.argsort(-expected.scores[inside], kind='stable')[:3]
        assert len(found) == len(order) == 3
        scores = [one['det_score'] for one in found]
        assert scores == pytest.approx(expected.scores[inside][order].tolist(), rel=1e-5)
        np.testing.assert_allclose([one['bbox'] for one in found], boxes[inside][order], atol=1e-3)
        assert {one['label'] for one in found} <= {'dent', 'scratch'}


def test_samples_of_det_inferencer(folder):
    apis = pytest.importorskip('mmdet.apis', reason='MMDetection, with operators, is not installed')
    inferencer = DefectInferencer.load(folder / 'defects.safetensors', device='cpu')
    path = images_of(folder)[0]
    torch.manual_seed(0)
    config = get_config('mmdet::retinanet/retinanet_r18_fpn_1x_coco.py')
    # It leaves MMEngine's default scope at MMDetection's.
    detector = apis.DetInferencer(config, device='cpu', scope='mmdet', show_progress=False)
    (sample,) = detector(path, return_datasamples=True)['predictions']
    (found,) = inferencer([path], [sample])
    assert [one['det_score'] for one in found] == sample.pred_instances.scores.tolist()
    boxes = sample.pred_instances.bboxes.clip(0).numpy().clip(max=[64, 48, 64, 48])
    np.testing.assert_allclose([one['bbox'] for one in found], boxes)
