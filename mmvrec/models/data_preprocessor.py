"""From uint8 views to normalised tensors on the model's device."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor

from mmvrec.registry import MODELS

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
#: AlphaCLIP's normalisation of the mask.
ALPHA_MEAN = 0.5
ALPHA_STD = 0.26


@MODELS.register_module()
class MultiViewDataPreprocessor(BaseDataPreprocessor):
    """Stack, move and normalise views: ``(x / 255 - mean) / std`` per channel.

    Args:
        mean (Sequence[float]): of R, G, B and alpha, on the scale 0 to 1. Defaults to CLIP's and
            AlphaCLIP's.
        std (Sequence[float]): the same for the standard deviation.

    Raises:
        ValueError: not four values each, or a standard deviation that is not positive.
    """

    def __init__(
        self,
        mean: Sequence[float] = (*CLIP_MEAN, ALPHA_MEAN),
        std: Sequence[float] = (*CLIP_STD, ALPHA_STD),
    ):
        super().__init__()
        if len(mean) != 4 or len(std) != 4 or min(std) <= 0:
            raise ValueError(
                'mean and std need four values (R, G, B, alpha) on the scale 0 to 1, std positive; '
                f'got mean={mean}, std={std}'
            )
        self.register_buffer('mean', 255 * torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', 255 * torch.tensor(std).view(-1, 1, 1), persistent=False)

    @property
    def settings(self) -> dict:
        """What the features depend on; part of the feature cache's key."""
        return {'mean': self.mean.flatten().tolist(), 'std': self.std.flatten().tolist()}

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data (dict): ``inputs``: uint8 views (B, V, 4 or 3, S, S), or a list of (V, …);
                ``data_samples``: list of DataSample, optional.
            training (bool): makes no difference. Defaults to False.

        Returns:
            dict: ``inputs`` float32 (B, V, 4 or 3, S, S) on the model's device, and
            ``data_samples``.

        Raises:
            ValueError: the views are not uint8, or have neither 3 nor 4 channels.
        """
        inputs = data['inputs']
        if not torch.is_tensor(inputs):
            inputs = torch.stack(list(inputs))
        if inputs.dtype != torch.uint8 or inputs.ndim != 5 or inputs.shape[2] not in (3, 4):
            raise ValueError(
                'views must be uint8 of shape (B, V, 4 or 3, S, S), got '
                f'{inputs.dtype} {tuple(inputs.shape)}'
            )
        channels = inputs.shape[2]
        inputs = (self.cast_data(inputs).float() - self.mean[:channels]) / self.std[:channels]
        return {'inputs': inputs, 'data_samples': data.get('data_samples')}
