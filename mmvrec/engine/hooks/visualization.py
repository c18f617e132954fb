"""Pictures of predictions, for ``--show-dir`` and ``--show``."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmengine.fileio import join_path
from mmengine.runner import Runner
from mmpretrain.engine.hooks import VisualizationHook
from mmpretrain.structures import DataSample

from mmvrec.registry import HOOKS

_OUTLINE = (255, 45, 149)
_SIDE = 448


@HOOKS.register_module()
class DefectVisualizationHook(VisualizationHook):
    """Draw queries with the outline of their mask, true and predicted class.

    The picture is the widest centred view of the instance. Of several episodes the first is drawn.
    Options and meaning are those of MMPretrain's hook (``enable``, ``interval``, ``show``,
    ``out_dir``, ``wait_time``).
    """

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[DataSample]
    ) -> None:
        """Draw the queries of one task after it has been evaluated in training."""
        self._draw(runner.val_dataloader.dataset, outputs)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[DataSample]
    ) -> None:
        """Draw the queries of one task and episode after they have been evaluated."""
        self._draw(runner.test_dataloader.dataset, outputs)

    def _draw(self, dataset, samples: Sequence[DataSample]) -> None:
        if not self.enable or samples[0].episode != 0:
            return
        if hasattr(dataset, 'bank'):
            raise ValueError(
                'a feature bank has no images to draw; leave out --show and --show-dir'
            )
        position = {dataset.get_data_info(i)['instance_id']: i for i in range(len(dataset))}
        for sample in samples[:: self.interval]:
            name = sample.instance_id.replace('/', '_')
            out = None if self.out_dir is None else join_path(self.out_dir, f'{name}.png')
            self._visualizer.visualize_cls(
                image=outlined_view(dataset[position[sample.instance_id]]),
                data_sample=sample,
                classes=sample.class_names,
                name=name,
                **{**self.draw_args, 'out_file': out},
            )


def outlined_view(item: dict) -> np.ndarray:
    """The widest view centred on the box, with the mask's outline.

    Args:
        item (dict): a packed item of a dataset, ``inputs`` uint8 (V, 3 or 4, S, S).

    Returns:
        np.ndarray: uint8 RGB, (448, 448, 3).
    """
    sample = item['data_samples']
    boxes = np.asarray(sample.view_boxes, dtype=float)
    x1, y1, x2, y2 = sample.bbox
    offset = np.abs(boxes[:, :2] + boxes[:, 2:] - [x1 + x2, y1 + y2]).sum(1)
    width = boxes[:, 2] - boxes[:, 0]
    # Of the views of the greatest width the most central one.
    best = np.lexsort((offset, -width))[0]
    view = item['inputs'][best].permute(1, 2, 0).contiguous().numpy()
    view = cv2.resize(view, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    image = np.ascontiguousarray(view[..., :3])
    if view.shape[2] == 4:
        mask = (view[..., 3] > 127).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(image, contours, -1, _OUTLINE, 2)
    return image
