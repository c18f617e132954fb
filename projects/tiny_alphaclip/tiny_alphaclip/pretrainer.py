"""The objective that the backbone is trained with."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmvrec.registry import MODELS
from mmvrec.synthesis import DEFECTS, SURFACES

from .descriptors import NUM_DESCRIPTORS


@MODELS.register_module()
class TinyAlphaCLIPPretrainer(BaseModel):
    """Tell defects apart, know the surface, recognise an instance, and measure it.

    Four losses on the same feature of a view: the cross-entropy of the defect's family; that of
    the surface; supervised contrast (`SupCon <https://arxiv.org/abs/2004.11362>`_) of the views
    of an instance against all others, among which the other defect of the same image; and the
    squared error of a linear read-out of the view's descriptors. The first gives what defects have
    in common across surfaces, the last two what tells instances of a family apart.

    Args:
        backbone (dict): config of the backbone, not frozen.
        data_preprocessor (dict): config of the preprocessor.
        weights (dict[str, float]): weights of ``defect``, ``surface``, ``instance`` and
            ``descriptor``. Those left out are 1.
        temperature (float): of the contrast. Defaults to 0.1.
        bf16 (bool): run the backbone in bfloat16. Defaults to False.
    """

    def __init__(
        self,
        backbone: dict,
        data_preprocessor: dict,
        weights: dict[str, float] | None = None,
        temperature: float = 0.1,
        bf16: bool = False,
    ):
        super().__init__(data_preprocessor=MODELS.build(data_preprocessor))
        self.backbone = MODELS.build(backbone)
        self.weights = weights or {}
        self.temperature = temperature
        self.bf16 = bf16
        width = self.backbone.out_dims
        self.norm = nn.BatchNorm1d(width, affine=False)
        self.defect = nn.Linear(width, len(DEFECTS))
        self.surface = nn.Linear(width, len(SURFACES))
        self.instance = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 128))
        self.descriptor = nn.Linear(width, NUM_DESCRIPTORS)
        # Standardises the targets, so that each descriptor weighs the same.
        self.target_norm = nn.BatchNorm1d(NUM_DESCRIPTORS, affine=False)

    def init_weights(self) -> None:
        """Draw the backbone's weights; the heads have drawn theirs when they were built."""
        self.backbone.init_weights()

    def forward(
        self, inputs: Tensor, data_samples: list[DataSample], mode: str = 'loss'
    ) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            inputs (Tensor): normalised views, float, (B, W, 4, S, S), see :class:`GeneratedCrops`.
            data_samples (list[DataSample]): of every item.
            mode (str): ``loss``.

        Returns:
            dict[str, Tensor]: the losses, weighted, and the share of defects told rightly.

        Raises:
            ValueError: another mode.
        """
        if mode != 'loss':
            raise ValueError(f'the pretrainer is only trained, got mode={mode!r}')
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.bf16):
            feats = self.backbone(inputs.flatten(0, 1))[0]
        feats = self.norm(feats.float())
        defects = torch.cat([s.defects for s in data_samples]).to(feats.device)
        surfaces = torch.tensor([s.surface for s in data_samples], device=feats.device)
        targets = torch.cat([s.descriptors for s in data_samples]).to(feats.device)
        logits = self.defect(feats)
        losses = {
            'loss_defect': F.cross_entropy(logits, defects, label_smoothing=0.05),
            'loss_surface': F.cross_entropy(
                self.surface(feats), surfaces.repeat_interleave(inputs.shape[1])
            ),
            'loss_instance': self._contrast(feats, inputs.shape[1] // 2),
            'loss_descriptor': F.mse_loss(self.descriptor(feats), self.target_norm(targets)),
        }
        losses = {
            name: self.weights.get(name.removeprefix('loss_'), 1.0) * value
            for name, value in losses.items()
        }
        return {**losses, 'accuracy': (logits.argmax(1) == defects).float().mean()}

    def _contrast(self, feats: Tensor, views: int) -> Tensor:
        """Cross-entropy of finding the other views of an instance among all views of the batch."""
        embedded = F.normalize(self.instance(feats), dim=1)
        similarity = embedded @ embedded.T / self.temperature
        itself = torch.eye(len(feats), dtype=torch.bool, device=feats.device)
        instance = torch.arange(len(feats), device=feats.device) // views
        same = (instance[:, None] == instance) & ~itself
        log_shares = similarity.masked_fill(itself, -torch.inf).log_softmax(1)
        return -log_shares[same].mean()
