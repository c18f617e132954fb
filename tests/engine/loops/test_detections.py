"""From a detector's file to the numbers, by a config of the package."""

import json
import uuid
from pathlib import Path

import dataset_layouts as layouts
import pytest
from engine_parts import TINY_ARCH
from mmengine.config import Config

from mmvrec.datasets import LabelMeDefects
from mmvrec.engine import FewShotRunner
from mmvrec.utils.resources import config_file


def det_run(folder: Path, detections: list[dict], **overrides) -> FewShotRunner:
    (folder / 'r.json').write_text(json.dumps(detections))
    own = {'type': 'LabelMeDefects', 'data_root': str(folder / 'data')}
    cfg = Config.fromfile(config_file('mvrec/zipaf_5shot_mtd_tiny_det.py'))
    cfg.merge_from_dict(
        {
            'work_dir': str(folder / 'work'),
            'model.backbone': {
                'type': 'AlphaCLIP', 'arch': TINY_ARCH, 'random_seed': 0, '_delete_': True,
            },
            'train_dataloader.dataset': own,
            'test_dataloader.dataset.dataset': own,
            'test_dataloader.dataset.detections': str(folder / 'r.json'),
            'test_dataloader.dataset.image_file': None,
            'train_cfg.max_iters': 2,
            'test_cfg.shots': 2,
            'test_cfg.episodes': 2,
            'test_cfg.cache_dir': str(folder / 'cache'),
            'default_hooks.report.enable': True,
            'default_hooks.report.out_dir': str(folder / 'out'),
            **overrides,
        }
    )  # fmt: skip
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.num_workers = 0
        loader.dataset.pipeline[2].update(img_size=TINY_ARCH['img_size'], offsets=(0,))
    cfg.experiment_name = uuid.uuid4().hex
    return FewShotRunner.from_cfg(cfg)


@pytest.fixture
def detections(tmp_path) -> list[dict]:
    """All annotated boxes of the query half but the first, and two others."""
    layouts.write_labelme(tmp_path / 'data')
    dataset = LabelMeDefects(data_root=str(tmp_path / 'data'), split='query')
    records = [dataset.get_data_info(i) for i in range(len(dataset))]
    found = [(r['img_path'], r['bbox'], 0.9) for r in records[1:]]
    found += [(records[0]['img_path'], box, 0.4) for box in ([40, 30, 50, 45], [0, 30, 9, 40])]
    return [
        {'image_id': image, 'bbox': [x1, y1, x2 - x1, y2 - y1], 'score': score}
        for image, (x1, y1, x2, y2), score in found
    ]


def test_detections_are_judged(tmp_path, detections):
    metrics = det_run(tmp_path, detections).test()
    number = len(detections) - 2
    assert metrics['fewshot/misses'] == 1
    assert metrics['fewshot/false_alarms'] == 2
    assert metrics['fewshot/recall'] == pytest.approx(100 * number / (number + 1))
    right = metrics['fewshot/accuracy'] / 100 * number
    assert right == pytest.approx(round(right * 2) / 2)
    assert metrics['fewshot/found_and_right'] == pytest.approx(100 * right / (number + 1))
    page = (tmp_path / 'out/report.html').read_text()
    assert '2 instances have no class (false alarms of a detector)' in page


def test_another_threshold_makes_other_labels_from_the_same_cache(tmp_path, detections):
    x, y, width, height = detections[0]['bbox']
    detections[0]['bbox'] = [x, y, width, height / 2]
    results = [
        det_run(tmp_path, detections, **{'test_dataloader.dataset.iou_threshold': t}).test()
        for t in (0.4, 0.6)
    ]
    assert [m['fewshot/misses'] for m in results] == [1, 2]
    assert [m['fewshot/false_alarms'] for m in results] == [2, 3]
    assert len(list((tmp_path / 'cache').iterdir())) == 2
