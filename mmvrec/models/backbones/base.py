"""What a backbone is for the rest of the package."""

import inspect
import json
from abc import abstractmethod
from collections.abc import Sequence
from copy import deepcopy

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmvrec.models.backbones.info import BackboneInfo
from mmvrec.models.backbones.named_weights import NamedWeights
from mmvrec.models.backbones.region_pooling import area_resize

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
#: AlphaCLIP's normalisation of the mask.
ALPHA_MEAN = 0.5
ALPHA_STD = 0.26


class ViewBackbone(NamedWeights, BaseModule):
    """Embeds views of defects; everything else in the package knows of a backbone only this.

    A subclass sets :attr:`out_dims` and :attr:`input_size` and implements :meth:`forward`. Views
    reach it as pixels, so that normalisation is its own matter: an exported backbone is whole, and
    several that differ in it can be fused. One with learnt weights names them (:attr:`provenance`).

    Args:
        mean (Sequence[float]): of R, G, B and alpha, on the scale 0 to 1. Defaults to CLIP's and
            AlphaCLIP's.
        std (Sequence[float]): the same for the standard deviation.

    Raises:
        ValueError: not four values each, or a standard deviation that is not positive.
    """

    #: Channels of a feature, C.
    out_dims: int
    #: Side of the views that it needs, pixels; None where any will do.
    input_size: int | None = None
    #: Whether larger views are shrunk to :attr:`input_size`; else they are an error.
    shrinks_views: bool = False
    #: What normalised views are cast to; None leaves them as they are.
    compute_dtype: torch.dtype | None = None
    #: Arguments that say where weights lie or how they are treated; what the weights are, their
    #: digest tells.
    WEIGHT_ARGUMENTS: tuple[str, ...] = ()

    def __new__(cls, *args, **kwargs):
        """Keep the arguments of the constructor: features depend on them (:meth:`cache_key`)."""
        self = super().__new__(cls)
        bound = inspect.signature(cls.__init__).bind_partial(self, *args, **kwargs)
        bound.apply_defaults()
        arguments = dict(list(bound.arguments.items())[1:])
        left_out = ('init_cfg', *cls.WEIGHT_ARGUMENTS)
        object.__setattr__(
            self, 'arguments', {k: v for k, v in arguments.items() if k not in left_out}
        )
        return self

    def __init__(self, init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.normalise_by((*CLIP_MEAN, ALPHA_MEAN), (*CLIP_STD, ALPHA_STD))

    def normalise_by(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Set mean and standard deviation of R, G, B and alpha, on the scale 0 to 1.

        Raises:
            ValueError: not four values each, or a standard deviation that is not positive.
        """
        if len(mean) != 4 or len(std) != 4 or min(std) <= 0:
            raise ValueError(
                'mean and std need four values (R, G, B, alpha) on the scale 0 to 1, std positive; '
                f'got mean={mean}, std={std}'
            )
        self.register_buffer('mean', 255 * torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', 255 * torch.tensor(std).view(-1, 1, 1), persistent=False)

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Embed normalised views, float, (B, 4 or 3, S, S); the features (B, C) come first."""

    def embed(self, views: Tensor) -> Tensor:
        """Embed views.

        Args:
            views (Tensor): pixels, float, 0 to 255, (B, 4, S, S): R, G, B and alpha; or
                (B, 3, S, S) without alpha.

        Returns:
            Tensor: features, float, (B, C).
        """
        channels, side = views.shape[1], self.input_size
        if self.shrinks_views and side is not None and views.shape[-1] > side:
            views = area_resize(views, side, side)
        normalised = (views - self.mean[:channels]) / self.std[:channels]
        return self(normalised.to(self.compute_dtype or views.dtype))[0].to(views.dtype)

    def in_dtype(self, dtype: torch.dtype) -> 'ViewBackbone':
        """A copy whose weights and arithmetic are of another type; pixels and features are not.

        Args:
            dtype (torch.dtype): as ``torch.bfloat16``.

        Returns:
            ViewBackbone: on the same device, in eval mode.
        """
        self.init_weights()
        copy = deepcopy(self).to(dtype)
        for own, other in zip(self.modules(), copy.modules(), strict=True):
            if isinstance(own, ViewBackbone):
                other.mean, other.std = own.mean.clone(), own.std.clone()
                other.compute_dtype = dtype
        return copy.eval()

    def compile_layers(self) -> bool:
        """Compile what is worth it, for calls of one size; tells whether anything is."""
        return False

    def parts(self) -> list['ViewBackbone']:
        """The backbones whose features it joins, each of which is cached on its own."""
        return [self]

    def join(self, feats: Sequence[Tensor]) -> Tensor:
        """Features of all parts, each float, (..., C of the part), as one, (..., C)."""
        return feats[0]

    @property
    def info(self) -> BackboneInfo:
        """What is to be known before it is chosen; told without loading anything."""
        return BackboneInfo(type(self).__name__, None, self.provenance.licence)

    def cache_key(self) -> dict[str, str]:
        """What the features depend on: kind, arguments and weights."""
        return {
            'backbone': type(self).__name__,
            'arguments': json.dumps(self.arguments, sort_keys=True, default=repr),
            'weights': self.weights_digest(),
        }
