"""Exporting what tools/train.py has trained, as a user does it."""

from pathlib import Path

import numpy as np
import pytest
from engine_parts import TINY_ARCH
from forks import run_script
from mmengine.config import Config

from mmvrec.deployment.onnx_file import read_exported
from mmvrec.synthesis import generate, image_rng
from mmvrec.utils.resources import config_file
from mmvrec_runtime import Classifier

REPO = Path(__file__).parents[2]


def run(script: Path, *arguments: object, cwd: Path, status: int = 0) -> str:
    done = run_script(script, *arguments, cwd=cwd)
    assert done.returncode == status, done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def config(tmp_path_factory) -> Path:
    """Two generated products of two classes, a backbone of two layers."""
    cfg = Config.fromfile(config_file('mvrec/zipaf_1shot_synthetic.py'))
    cfg.model.backbone = {'type': 'AlphaCLIP', 'arch': TINY_ARCH, 'random_seed': 0}
    cfg.train_cfg.max_iters = 3
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        dataset = cfg[loader].dataset
        dataset.update(
            surfaces=['ceramic_tile', 'brushed_metal'],
            defects=['hole', 'scratch'],
            instances_per_class=2,
        )
        for transform in dataset.pipeline:
            if transform.type == 'MultiViewRegionContext':
                transform.update(img_size=28, offsets=(0,), backend='pillow')
    path = tmp_path_factory.mktemp('train') / 'config.py'
    cfg.dump(path)
    return path


def test_a_checkpoint_is_exported_for_one_of_its_products(config):
    folder = config.parent
    run(REPO / 'tools' / 'train.py', config, '--work-dir', folder, cwd=folder)
    tool = [REPO / 'tools' / 'deployment' / 'export.py', config, folder / 'iter_3.pth']
    out = folder / 'm.onnx'
    printed = run(*tool, out, cwd=folder, status=1)
    assert "the model has the tasks ['ceramic_tile', 'brushed_metal']; name one" in printed
    assert "no task 'wood'" in run(*tool, out, '--task', 'wood', cwd=folder, status=1)
    assert not out.exists()
    assert "'other_labels': 0" in run(*tool, out, '--task', 'ceramic_tile', cwd=folder)
    info, arrays = read_exported(out)
    assert info['classes'] == ['hole', 'scratch']
    assert info['head']['type'] == 'ZipAdapterFHead'
    assert arrays['projection_weight'].shape == (16, 16)
    image = generate('ceramic_tile', 'hole', image_rng(5, 'ceramic_tile', 'hole', 0))[0]
    (answer,) = Classifier(out, threads=1)(np.asarray(image))
    assert (answer['similarity'], answer['unknown'], answer['neighbours']) == (None, None, [])
    assert sum(answer['scores'].values()) == pytest.approx(1, abs=1e-5)
