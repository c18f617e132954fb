"""From uint8 views to pixels as floats on the model's device."""

import torch
from mmengine.model import BaseDataPreprocessor

from mmvrec.registry import MODELS
from mmvrec.structures import ViewPlan


@MODELS.register_module()
class MultiViewDataPreprocessor(BaseDataPreprocessor):
    """Stack and move views, or make those that the pipeline only planned.

    Normalisation is the backbone's, see :class:`ViewBackbone`.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data (dict): ``inputs``: uint8 views (B, V, 4 or 3, S, S), or a list of (V, …) or of
                :class:`mmvrec.structures.ViewPlan`, whose views are made on the model's device;
                ``data_samples``: list of DataSample, optional.
            training (bool): makes no difference. Defaults to False.

        Returns:
            dict: ``inputs`` float32, 0 to 255, (B, V, 4 or 3, S, S) on the model's device, and
            ``data_samples``.

        Raises:
            ValueError: the views are not uint8, or have neither 3 nor 4 channels.
        """
        inputs = data['inputs']
        if not torch.is_tensor(inputs):
            inputs = torch.stack(
                [v.render(self.device) if isinstance(v, ViewPlan) else v for v in inputs]
            )
        if inputs.dtype != torch.uint8 or inputs.ndim != 5 or inputs.shape[2] not in (3, 4):
            raise ValueError(
                'views must be uint8 of shape (B, V, 4 or 3, S, S), got '
                f'{inputs.dtype} {tuple(inputs.shape)}'
            )
        return {
            'inputs': self.cast_data(inputs).float(),
            'data_samples': data.get('data_samples'),
        }
