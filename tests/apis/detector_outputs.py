"""What detectors hand over, in classes that are like theirs."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch


class _Fields:
    """As Ultralytics and Detectron2 have it, asking for what is not there is an AttributeError."""

    def __getattr__(self, name: str):
        raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}')


class UltralyticsBoxes(_Fields):
    """(N, 6): x1, y1, x2, y2, confidence, class."""

    def __init__(self, data: torch.Tensor, orig_shape: tuple[int, int]):
        self.data = data
        self.orig_shape = orig_shape

    def __len__(self) -> int:
        return len(self.data)

    xyxy = property(lambda self: self.data[:, :4])
    conf = property(lambda self: self.data[:, 4])
    cls = property(lambda self: self.data[:, 5])
    xywh = property(lambda self: (_ for _ in ()).throw(AssertionError('not these')))


class UltralyticsMasks(_Fields):
    """Masks at the size of the network (or, ``retina_masks``, of the image)."""

    def __init__(self, data: torch.Tensor, orig_shape: tuple[int, int]):
        self.data = data
        self.orig_shape = orig_shape

    def __len__(self) -> int:
        return len(self.data)

    shape = property(lambda self: self.data.shape)


class UltralyticsResults(_Fields):
    def __init__(self, orig_shape: tuple[int, int], boxes=None, masks=None, names=None):
        self.orig_shape = orig_shape
        self.boxes = None if boxes is None else UltralyticsBoxes(boxes, orig_shape)
        self.masks = None if masks is None else UltralyticsMasks(masks, orig_shape)
        self.probs = self.keypoints = self.obb = None
        self.names = names or {0: 'defect'}

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index):
        raise AssertionError('its parts are not what is asked for')


def letterboxed(masks: np.ndarray, side: int) -> torch.Tensor:
    """Masks (N, H, W) in the middle of a square, as Ultralytics fits images into its network."""
    height, width = masks.shape[1:]
    scale = min(side / height, side / width)
    inner = round(width * scale), round(height * scale)
    frame = np.zeros((len(masks), side, side), np.float32)
    left, top = (round((side - length) / 2 - 0.1) for length in inner)
    for own, mask in zip(frame, masks, strict=True):
        fitted = cv2.resize(mask.astype(np.float32), inner, interpolation=cv2.INTER_AREA)
        own[top : top + inner[1], left : left + inner[0]] = fitted > 0.5
    return torch.from_numpy(frame)


@dataclass
class Detectron2Boxes:
    tensor: torch.Tensor

    def __len__(self) -> int:
        return len(self.tensor)


class Detectron2Instances(_Fields):
    def __init__(self, image_size: tuple[int, int], **fields):
        self.__dict__.update(_image_size=image_size, **fields)

    def __len__(self) -> int:
        return len(self.scores)


@dataclass
class SupervisionDetections:
    xyxy: np.ndarray
    mask: np.ndarray | None = None
    confidence: np.ndarray | None = None
    class_id: np.ndarray | None = None
    tracker_id: np.ndarray | None = None
    data: dict = field(default_factory=dict)
    metadata: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.xyxy)


def sam_masks(masks: np.ndarray, scores: list[float]) -> list[dict]:
    """What SAM's automatic mask generator gives."""
    found = []
    for mask, score in zip(masks, scores, strict=True):
        x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
        found.append(
            {
                'segmentation': mask,
                'area': int(mask.sum()),
                'bbox': [x, y, width - 1, height - 1],
                'predicted_iou': score,
                'point_coords': [[float(x), float(y)]],
                'stability_score': 0.97,
                'crop_box': [0, 0, mask.shape[1], mask.shape[0]],
            }
        )
    return found
