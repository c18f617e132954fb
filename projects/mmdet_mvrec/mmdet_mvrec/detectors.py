"""First stages: what finds the instances."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.hub import get_config
from mmengine.registry import DefaultScope, Registry
from torchvision.models import get_model

#: Detectors that a config can name.
DETECTORS = Registry('first stage')


@dataclass(frozen=True)
class Detections:
    """What a detector has found on one image.

    Args:
        bboxes (np.ndarray): x1, y1, x2, y2 in pixels, float, (N, 4).
        scores (np.ndarray): float, (N,), in [0, 1].
        masks (np.ndarray, optional): bool, (N, H, W).
    """

    bboxes: np.ndarray
    scores: np.ndarray
    masks: np.ndarray | None = None


@DETECTORS.register_module()
class MMDetDetector:
    """A detector of MMDetection.

    Args:
        config (str): path of its config, or ``mmdet::`` and the name of one of MMDetection's.
        checkpoint (str, optional): its weights. Defaults to None: random ones.
        device (str, optional): defaults to the GPU where there is one.
        cfg_options (dict, optional): overrides of the config, by dotted names, e.g.
            ``{'model.test_cfg.score_thr': 0.1}``.

    Raises:
        ImportError: MMDetection, or MMCV with operators, is not installed.
        FileNotFoundError: there is no such config or checkpoint.
    """

    def __init__(
        self,
        config: str,
        checkpoint: str | None = None,
        device: str | None = None,
        cfg_options: dict | None = None,
    ):
        from mmdet.apis import init_detector

        cfg = get_config(config) if '::' in config else Config.fromfile(config)
        cfg.merge_from_dict(cfg_options or {})
        # Weights that only start a training would be downloaded.
        if checkpoint is None and 'backbone' in cfg.model:
            cfg.model.backbone.init_cfg = None
        with DefaultScope.overwrite_default_scope('mmdet'):
            self.model = init_detector(
                cfg, checkpoint, palette='random', device=device or get_device()
            )

    def __call__(self, image: np.ndarray) -> Detections:
        """Find instances.

        Args:
            image (np.ndarray): uint8, RGB, (H, W, 3).

        Returns:
            Detections: the surest first.
        """
        from mmdet.apis import inference_detector

        with DefaultScope.overwrite_default_scope('mmdet'):
            found = inference_detector(self.model, np.ascontiguousarray(image[..., ::-1]))
        found = found.pred_instances.cpu()
        masks = found.get('masks')
        return _sorted(
            found.bboxes.numpy(),
            found.scores.numpy(),
            None if masks is None else np.asarray(masks, bool),
        )


@DETECTORS.register_module()
class TorchvisionDetector:
    """A detector of torchvision.

    Args:
        name (str): of the model, e.g. ``retinanet_resnet50_fpn_v2``.
        checkpoint (str, optional): its state dict, read with ``weights_only=True``. Defaults to
            None: random weights.
        num_classes (int): classes that it was trained for, with background. Defaults to 2.
        device (str, optional): defaults to the GPU where there is one.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: no such model.
    """

    def __init__(
        self,
        name: str,
        checkpoint: str | None = None,
        num_classes: int = 2,
        device: str | None = None,
    ):
        self.device = device or get_device()
        self.model = get_model(name, weights=None, weights_backbone=None, num_classes=num_classes)
        if checkpoint is not None:
            if not Path(checkpoint).is_file():
                raise FileNotFoundError(f'no weights of the detector at {checkpoint}')
            self.model.load_state_dict(torch.load(checkpoint, 'cpu', weights_only=True))
        self.model.to(self.device).eval()

    @torch.no_grad()
    def __call__(self, image: np.ndarray) -> Detections:
        """Find instances; see :class:`MMDetDetector`."""
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
        (found,) = self.model([pixels.to(self.device)])
        masks = found.get('masks')
        return _sorted(
            found['boxes'].cpu().numpy(),
            found['scores'].cpu().numpy(),
            None if masks is None else masks[:, 0].cpu().numpy() > 0.5,
        )


def _sorted(bboxes: np.ndarray, scores: np.ndarray, masks: np.ndarray | None) -> Detections:
    order = np.argsort(-scores, kind='stable')
    return Detections(bboxes[order], scores[order], None if masks is None else masks[order])
