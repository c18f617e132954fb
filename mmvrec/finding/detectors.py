"""Detectors of other libraries as finders; none of these libraries is needed here."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import torch

from mmvrec.finding.base import DetectedBoxes, Finder
from mmvrec.finding.components import regions_of
from mmvrec.registry import FINDERS
from mmvrec.utils.arrays import as_array

#: Names of boxes and masks in the outputs of detectors.
_BOXES = ('bboxes', 'boxes')


@FINDERS.register_module()
class DetectorFinder(Finder):
    """A detector that takes an image and gives boxes with scores, and perhaps masks.

    .. code-block:: python

        from mmdet.apis import inference_detector, init_detector
        model = init_detector('rtmdet-ins_tiny_8xb32-300e_coco.py', 'rtmdet-ins_tiny.pth')
        finder = DetectorFinder(lambda image: inference_detector(model, image[..., ::-1]))

    The detectors of ``projects/mmdet_mvrec`` are such ones as they are.

    Args:
        detect (Callable): from uint8, RGB, (H, W, 3), to MMDetection's ``DetDataSample``, or to a
            dict or an object with ``bboxes`` or ``boxes`` (N, 4), ``scores`` (N,) and perhaps
            ``masks`` (N, H, W) or (N, 1, H, W); masks of floats are inside above one half.
        min_score (float): detections with lower scores are left out. Defaults to 0.3.
    """

    def __init__(self, detect: Callable[[np.ndarray], object], min_score: float = 0.3):
        self.detect = detect
        self.min_score = min_score

    def find(self, image: np.ndarray) -> DetectedBoxes:
        """Find regions; see the base class.

        Raises:
            ValueError: the output has no boxes or no scores.
        """
        found = self.detect(image)
        found = _field(found, 'pred_instances', default=found)
        boxes, scores = _field(found, *_BOXES), _field(found, 'scores')
        if boxes is None or scores is None:
            raise ValueError(
                f'a detector must give bboxes or boxes, and scores; got {type(found).__name__}'
            )
        boxes = as_array(boxes).astype(np.float32).reshape(-1, 4)
        detected = DetectedBoxes(
            boxes, as_array(scores).astype(np.float32), _masks(_field(found, 'masks'))
        )
        order = np.argsort(-detected.scores, kind='stable')
        return detected.select(order[detected.scores[order] >= self.min_score])


@FINDERS.register_module()
class TorchvisionFinder(DetectorFinder):
    """A detector of torchvision, such as ``fasterrcnn_resnet50_fpn`` with your weights.

    Args:
        model (torch.nn.Module): in eval mode.
        min_score (float): detections with lower scores are left out. Defaults to 0.3.
    """

    def __init__(self, model: torch.nn.Module, min_score: float = 0.3):
        super().__init__(self._detect, min_score)
        self.model = model

    @torch.inference_mode()
    def _detect(self, image: np.ndarray) -> dict:
        device = next((one.device for one in self.model.parameters()), 'cpu')
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1)
        return self.model([pixels.float() / 255])[0]


@FINDERS.register_module()
class AnomalibFinder(Finder):
    """An inferencer of anomalib, ``TorchInferencer`` or ``OpenVINOInferencer``.

    Its maps are of the size that its model works at, to which it stretches the image; they are
    stretched back.

    Args:
        inferencer (object): its ``predict`` takes uint8, RGB, (H, W, 3), and gives an object with
            ``anomaly_map`` and ``pred_mask`` of one image, (h, w) or with axes of length 1 more;
            what is inside, its own threshold has decided.
        min_area (int): smaller components, in pixels, are dropped. Defaults to 20.
    """

    def __init__(self, inferencer: object, min_area: int = 20):
        self.inferencer = inferencer
        self.min_area = min_area

    def find(self, image: np.ndarray) -> DetectedBoxes:
        """Find regions; see the base class.

        Raises:
            ValueError: the prediction has no map or mask, or of several images.
        """
        prediction = self.inferencer.predict(image)
        planes = []
        for name in ('anomaly_map', 'pred_mask'):
            plane = as_array(_field(prediction, name, default=np.nan)).astype(np.float32)
            if plane.ndim < 2 or plane.size != np.prod(plane.shape[-2:]):
                raise ValueError(
                    f'{name} of a prediction of anomalib must be of one image, (h, w), got '
                    f'{plane.shape}; a model that only classifies images finds nothing'
                )
            planes.append(cv2.resize(plane.reshape(plane.shape[-2:]), image.shape[1::-1]))
        heat_map, inside = planes
        # Regions are those of the mask, their scores those of the map.
        found = regions_of(inside, 0.5, self.min_area)
        scores = np.array([heat_map[mask].max() for mask in found.masks], np.float32)
        order = np.argsort(-scores, kind='stable')
        return DetectedBoxes(found.boxes, scores, found.masks, heat_map).select(order)


def _field(found: object, *names: str, default: object = None) -> object:
    for name in names:
        value = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
        if value is not None:
            return value
    return default


def _masks(masks: object) -> np.ndarray | None:
    """Masks as bool, (N, H, W)."""
    if masks is None:
        return None
    # MMDetection's BitmapMasks hold theirs.
    array = as_array(getattr(masks, 'masks', masks))
    array = array[:, 0] if array.ndim == 4 else array
    return array > 0.5 if np.issubdtype(array.dtype, np.floating) else array != 0
