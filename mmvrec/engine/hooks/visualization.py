"""Pictures of predictions, for ``--show-dir`` and ``--show``."""

from collections.abc import Sequence

from mmengine.fileio import join_path
from mmengine.runner import Runner
from mmpretrain.engine.hooks import VisualizationHook
from mmpretrain.structures import DataSample

from mmvrec.registry import HOOKS
from mmvrec.visualization.fonts import lettering
from mmvrec.visualization.instances import outlined_views

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
        if dataset.bank is not None:
            raise ValueError(
                'a feature bank has no images to draw; leave out --show and --show-dir'
            )
        position = {dataset.get_data_info(i)['instance_id']: i for i in range(len(dataset))}
        for sample in samples[:: self.interval]:
            name = sample.instance_id.replace('/', '_')
            letters = lettering(sample.class_names)
            text = {'fontproperties': letters.font.for_matplotlib()}
            text |= self.draw_args.get('text_cfg', {})
            out = None if self.out_dir is None else join_path(self.out_dir, f'{name}.png')
            self._visualizer.visualize_cls(
                image=outlined_views(dataset[position[sample.instance_id]], _SIDE)[0],
                data_sample=sample,
                classes=[letters.for_matplotlib(one) for one in sample.class_names],
                name=name,
                **{**self.draw_args, 'text_cfg': text, 'out_file': out},
            )
