"""A small classifier, and the file that it is exported to, made once for all tests."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from engine_parts import TINY_ARCH
from mmengine.config import Config
from PIL import Image

from mmvrec.apis import DefectInferencer
from mmvrec.deployment.export import export_classifier
from mmvrec.deployment.samples import picture_samples
from mmvrec.deployment.saved_model import exportable
from mmvrec.synthesis import DEFECTS, SURFACES
from mmvrec.synthesis.compose import photograph
from mmvrec.utils.resources import config_file

CLASSES = ('crack', 'hole', 'stain')


def config(head: dict | None = None, **views) -> Config:
    """Two layers of random weights; three views of 28 pixels, resized as the runtime does it."""
    cfg = Config.fromfile(config_file('mvrec/zipa_5shot_synthetic.py'))
    cfg.model.backbone = {
        'type': 'AlphaCLIP',
        'arch': {**TINY_ARCH, 'out_dims': 192},
        'random_seed': 0,
    }
    cfg.model.prior = None
    cfg.model.head = head or {'type': 'ZipAdapterHead', 'beta': 300.0}
    for transform in cfg.test_dataloader.dataset.pipeline:
        if transform.type == 'MultiViewRegionContext':
            transform.update({'img_size': 28, 'offsets': (0,), 'backend': 'pillow', **views})
    return cfg


def defect(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Image, RGB, (160, 140, 3), and mask, bool, of a generated defect."""
    rng = np.random.default_rng(seed)
    image, mask = DEFECTS[name](rng, photograph(rng, SURFACES['ceramic_tile'](rng, (160, 140))))
    return image, mask != 0


def write_images(folder: Path, number: int = 3) -> None:
    """``CLASS/N.png`` of every class."""
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for seed in range(number):
            Image.fromarray(defect(name, seed)[0]).save(folder / name / f'{seed}.png')


def inferencer(cfg: Config | None = None) -> DefectInferencer:
    """Knows three instances with masks of each class."""
    fitted = DefectInferencer(cfg or config(), device='cpu')
    for name in CLASSES:
        images, masks = zip(*(defect(name, seed) for seed in range(3)), strict=True)
        fitted.enroll(list(images), [mask[None] for mask in masks], name)
    return fitted.fit(progress=False)


def export(fitted: DefectInferencer, path: Path, **options) -> dict:
    """Write the file; the report of its check."""
    samples = picture_samples(fitted.pictures, fitted.pipeline)
    return export_classifier(exportable(fitted), path, samples, **options)


@cache
def known() -> DefectInferencer:
    """The inferencer that :func:`content` was exported from."""
    return inferencer()


@cache
def content() -> bytes:
    """The exported file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'm.onnx'
        export(known(), path)
        return path.read_bytes()
