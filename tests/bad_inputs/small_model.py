"""An inferencer with a backbone of two layers, made once for all tests."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from engine_parts import TINY_ARCH
from mmengine.config import Config

from mmvrec.apis import DefectInferencer
from mmvrec.utils.resources import config_file

PIXELS = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def small_config() -> Config:
    cfg = Config.fromfile(config_file('mvrec/zipa_5shot_synthetic.py'))
    cfg.model.backbone = {
        'type': 'AlphaCLIP',
        'arch': {**TINY_ARCH, 'out_dims': 192},
        'random_seed': 0,
    }
    for transform in cfg.test_dataloader.dataset.pipeline:
        if transform.type == 'MultiViewRegionContext':
            transform.update(img_size=28, offsets=(0,))
    return cfg


@cache
def saved() -> bytes:
    """The file of an inferencer that knows the classes crack and dent, one instance each."""
    inferencer = DefectInferencer(small_config(), device='cpu')
    inferencer.enroll([PIXELS, 255 - PIXELS], None, ['crack', 'dent'])
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'm.safetensors'
        inferencer.fit().save(path)
        return path.read_bytes()


def fitted(root: Path) -> DefectInferencer:
    """Loaded from ``m.safetensors``, which is put into the folder."""
    (root / 'm.safetensors').write_bytes(saved())
    return DefectInferencer.load(root / 'm.safetensors', device='cpu')
