"""Several backbones on the same views."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmvrec.models.backbones.base import ViewBackbone
from mmvrec.models.backbones.info import BackboneInfo, joined_info
from mmvrec.registry import MODELS
from mmvrec.structures import Provenance, all_licences


@MODELS.register_module()
class FusedBackbone(ViewBackbone):
    """Features of several backbones, side by side.

    Views are made once, at the largest size that a member needs; the others shrink them. Each
    member's feature is brought to length 1 and weighted, so that none outweighs the others by its
    scale or its channels. Members are cached one by one, without their weights.

    Args:
        members (Sequence[dict]): configs of backbones.
        weights (Sequence[float], optional): of the members, positive. Defaults to 1 each.

    Raises:
        ValueError: there are no members, or the weights do not fit.
    """

    def __init__(self, members: Sequence[dict], weights: Sequence[float] | None = None):
        super().__init__()
        weights = [1.0] * len(members) if weights is None else list(weights)
        if not members or len(weights) != len(members) or min(weights) <= 0:
            raise ValueError(
                f'members must be one or more, with a positive weight each, got {len(members)} '
                f'with the weights {weights}'
            )
        self.members = nn.ModuleList(MODELS.build(dict(member)) for member in members)
        self.weights = weights
        for member in self.members:
            member.shrinks_views = True
        self.input_size = max((m.input_size for m in self.members if m.input_size), default=None)
        self.out_dims = sum(member.out_dims for member in self.members)
        self.frozen = all(member.frozen for member in self.members)
        # Pixels stay pixels but for their scale: normalisation is a matter of the members.
        self.normalise_by((0.0,) * 4, (1.0,) * 4)

    def parts(self) -> list[ViewBackbone]:
        """The members."""
        return list(self.members)

    def join(self, feats: Sequence[Tensor]) -> Tensor:
        """Features of all members, each float, (..., C of the member), weighted, (..., C)."""
        pairs = zip(feats, self.weights, strict=True)
        return torch.cat([weight * F.normalize(feat, dim=-1) for feat, weight in pairs], dim=-1)

    def embed(self, views: Tensor) -> Tensor:
        """Embed views, see :meth:`ViewBackbone.embed`."""
        return self.join([member.embed(views) for member in self.members])

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Embed views from 0 to 1, float, (B, 4 or 3, S, S); gives (B, C)."""
        return (self.embed(255 * x),)

    @property
    def provenance(self) -> Provenance:
        """Sources and licences of all members; random where one is."""
        known = [member.provenance for member in self.members]
        return Provenance(
            ' + '.join(dict.fromkeys(p.source for p in known)),
            licence=all_licences(*known),
            is_random=any(p.is_random for p in known),
        )

    @property
    def info(self) -> BackboneInfo:
        """Methods and licences of all members."""
        return joined_info([member.info for member in self.members])

    def init_weights(self) -> None:
        """Load the weights of all members; does nothing where they are set."""
        for member in self.members:
            member.init_weights()
        self._is_init = True

    def take_weights_from(self, provenance: Provenance) -> None:
        """Note that a checkpoint brings the weights of all members."""
        super().take_weights_from(provenance)
        for member in self.members:
            member.take_weights_from(provenance)
