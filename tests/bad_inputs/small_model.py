"""An inferencer with a backbone of two layers, made once for all tests."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from engine_parts import TINY_ARCH
from mmengine.config import Config
from safetensors.torch import load, save

from mmvrec.apis import DefectInferencer
from mmvrec.apis.saved_model import FORMAT, model_checksum
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


def contents(data: bytes) -> tuple[dict, dict[str, torch.Tensor]]:
    """Metadata and tensors of a saved model."""
    size = int.from_bytes(data[:8], 'little')
    info = json.loads(json.loads(data[8 : 8 + size])['__metadata__']['info'])
    return info, load(data)


def written(info: object, tensors: dict[str, torch.Tensor]) -> bytes:
    """A saved model of these, with the checksum that belongs to them."""
    text = info if isinstance(info, str) else json.dumps(info)
    metadata = {'format': FORMAT, 'info': text, 'sha256': model_checksum(text, tensors)}
    return save(tensors, metadata)


def fitted(root: Path) -> DefectInferencer:
    """Loaded from ``m.safetensors``, which is put into the folder."""
    (root / 'm.safetensors').write_bytes(saved())
    return DefectInferencer.load(root / 'm.safetensors', device='cpu')
