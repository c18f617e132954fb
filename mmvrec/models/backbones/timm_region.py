"""Any model of timm, pooled under the mask."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Literal

import timm
import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor, nn

from mmvrec.models.backbones.base import ViewBackbone
from mmvrec.models.backbones.batch_norm import fold_batch_norms
from mmvrec.models.backbones.info import BackboneInfo, timm_info
from mmvrec.models.backbones.region_attention import check_has_region_attention, region_tokens
from mmvrec.models.backbones.region_pooling import REGIONS, cell_weights
from mmvrec.models.backbones.timm_weights import DOWNLOAD, licence_of_model, load_trunk
from mmvrec.registry import MODELS
from mmvrec.structures import Provenance
from mmvrec.weights.lookup import licence_of
from mmvrec.weights.packaged import PACKAGED

POOLINGS = (*REGIONS, 'cls')


@MODELS.register_module()
class TimmRegion(ViewBackbone):
    """Feature maps of a model of `timm <https://github.com/huggingface/pytorch-image-models>`_.

    Of every chosen layer and for every pooling there is one part, of length 1; a feature is all of
    them. The alpha channel chooses cells of the maps and is never seen by the model. Input size,
    mean and standard deviation are those that timm names. Layers behind the last that is chosen
    are not built; maps of transformers have passed their final norm. It is always frozen.

    Args:
        model (str): name in timm, with or without tag: ``tf_efficientnet_lite2.in1k``.
        checkpoint (str, optional): the name of a package that carries the weights, one of
            ``PACKAGED``; a file of weights in timm's names or those of the authors, see
            :func:`mmvrec.weights.lookup.find_weights`; or ``timm``, which downloads and
            caches what timm publishes under that name. None draws random ones. Defaults to None.
        layers (Sequence[int]): stages of a convolutional network or blocks of a transformer, in
            order; from the end where negative. Defaults to (-1,).
        pooling (Sequence[str]): of ``mask``, ``ring``, ``mean`` (see
            :func:`mmvrec.models.backbones.region_pooling.cell_weights`) and ``cls``, the class
            token. Defaults to ('mask',).
        attention (str): ``own`` (default), maps as they are; ``region``, the last attention
            restricted to the region, as :func:`region_tokens` has it.
        img_size (int, optional): side of the views, pixels. Defaults to timm's.
        random_seed (int, optional): seed of the random weights when no checkpoint is named.

    Raises:
        ValueError: timm has no such model, or the model no such layers, pooling or size.
    """

    WEIGHT_ARGUMENTS = ('checkpoint', 'random_seed')

    def __init__(
        self,
        model: str,
        checkpoint: str | None = None,
        layers: Sequence[int] = (-1,),
        pooling: Sequence[Literal['mask', 'ring', 'mean', 'cls']] = ('mask',),
        attention: Literal['own', 'region'] = 'own',
        img_size: int | None = None,
        random_seed: int | None = None,
    ):
        super().__init__()
        config = timm_config(model)
        self.model_name = model
        self.checkpoint = checkpoint
        self.random_seed = random_seed
        self.pooling = tuple(pooling)
        self.attention = attention
        self.input_size = img_size or config.input_size[-1]
        self._check_choices()
        with torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed, which seeds other devices too and keeps the stack of its call.
            generator = torch.default_generator
            generator.seed() if random_seed is None else generator.manual_seed(random_seed)
            self.trunk = self._build()
        self.is_transformer = hasattr(self.trunk, 'num_prefix_tokens')
        self.layers, self.out_dims = self._cut(self.trunk, layers)
        self._check_class_token()
        fold_batch_norms(self.trunk)
        known = PACKAGED.get(checkpoint, config)
        self.normalise_by((*known.mean, 0.0), (*known.std, 1.0))
        self.requires_grad_(False).eval()

    def _check_choices(self) -> None:
        different = set(self.pooling)
        if not different or not different <= set(POOLINGS) or len(different) < len(self.pooling):
            raise ValueError(f'pooling must be some of {POOLINGS}, once each, got {self.pooling}')
        if self.attention not in ('own', 'region'):
            raise ValueError(f"attention must be 'own' or 'region', got {self.attention!r}")
        if self.attention == 'region' and 'cls' in self.pooling:
            raise ValueError("attention='region' stands in the place of 'cls', name a region")

    def _check_class_token(self) -> None:
        if 'cls' in self.pooling and getattr(self.trunk, 'cls_token', None) is None:
            raise ValueError(f"{self.model_name} has no class token for pooling 'cls'")

    def _build(self, **weights) -> nn.Module:
        """The model of timm, whole, in eval mode."""
        config = timm_config(self.model_name)
        size = {'img_size': self.input_size} if config.fixed_input_size else {}
        model = timm.create_model(self.model_name, **size, **weights).eval()
        if not hasattr(model, 'forward_intermediates'):
            raise ValueError(f'timm gives no feature maps of {self.model_name}')
        return model

    def _cut(self, model: nn.Module, layers: Sequence[int]) -> tuple[list[int], int]:
        """Cut off what is not needed; the layers by their numbers, and channels of a feature."""
        stages = model.feature_info
        found = [layer + len(stages) if layer < 0 else layer for layer in layers]
        if not found or found != sorted(set(found)) or not 0 <= found[0] <= found[-1] < len(stages):
            raise ValueError(
                f'layers of {self.model_name} are 0 to {len(stages) - 1} in order, got {layers}'
            )
        if self.is_transformer and self.input_size % stages[-1]['reduction']:
            raise ValueError(
                f'img_size of {self.model_name} must be a multiple of the patch size '
                f'{stages[-1]["reduction"]}, got {self.input_size}'
            )
        if self.attention == 'region':
            if found != [len(stages) - 1]:
                raise ValueError(f"attention='region' is of the last layer alone, got {layers}")
            check_has_region_attention(model, self.model_name)
            return found, len(self.pooling) * (model.num_classes or model.num_features)
        model.prune_intermediate_layers(found)
        return found, len(self.pooling) * sum(stages[layer]['num_chs'] for layer in found)

    @property
    def provenance(self) -> Provenance:
        """Name of the weights; ``not loaded yet`` before :meth:`init_weights`."""
        return self._provenance or Provenance('not loaded yet', is_random=True)

    @property
    def info(self) -> BackboneInfo:
        """Method, paper, and licence of the named weights."""
        published = licence_of_model(self.model_name) if self.checkpoint == DOWNLOAD else None
        return timm_info(self.model_name, published or licence_of(self.checkpoint or ''))

    def init_weights(self) -> None:
        """Load the named weights, or draw random ones; does nothing where weights are set.

        Raises:
            FileNotFoundError: there are none of this name, or no way to timm's.
            ValueError: they are damaged or those of another model.
        """
        if self._provenance is not None:
            return
        if self.checkpoint is None:
            seed = 'no fixed seed' if self.random_seed is None else f'seed {self.random_seed}'
            provenance = Provenance(f'{self.model_name}, random ({seed})', is_random=True)
            print_log(
                f'{self.model_name} has RANDOM weights ({seed}): no checkpoint is named. Its '
                'numbers show that the program runs, not what the method can do.',
                logger='current',
                level=30,
            )
        else:
            trunk, provenance = load_trunk(self.model_name, self.checkpoint, self._build)
            self._cut(trunk, self.layers)
            fold_batch_norms(trunk)
            self.trunk.load_state_dict(trunk.state_dict())
            print_log(f'{self.model_name} weights: {provenance}', logger='current')
        self.take_weights_from(provenance)
        if self.checkpoint and provenance.sha256 is None:
            self.take_weights_from(replace(provenance, sha256=self.weights_digest()))

    def train(self, mode: bool = True) -> 'TimmRegion':
        """Stay in eval mode: the batch norms are folded, nothing can be trained."""
        super().train(False)
        return self

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Embed views.

        Args:
            x (Tensor): normalised images and alpha from 0 to 1, float, (B, 4, S, S); with
                (B, 3, S, S) the region is the whole view.

        Returns:
            tuple[Tensor]: the features, (B, C).

        Raises:
            ValueError: another size or number of channels.
        """
        self.init_weights()
        side = self.input_size
        if x.ndim != 4 or x.shape[1] not in (3, 4) or tuple(x.shape[2:]) != (side, side):
            raise ValueError(
                f'the backbone needs images of shape (B, 4, {side}, {side}), got '
                f'{tuple(x.shape)}; set img_size of backbone and views alike'
            )
        alpha = x[:, 3] if x.shape[1] == 4 else torch.ones_like(x[:, 0])
        images = x[:, :3].contiguous(memory_format=torch.channels_last)
        if self.attention == 'region':
            grid = self.trunk.patch_embed.grid_size
            weights = [cell_weights(alpha, region, grid) for region in self.pooling]
            parts = region_tokens(self.trunk, images, weights)
        else:
            parts = self._pooled(images, alpha)
        return (torch.cat([F.normalize(part, dim=1) for part in parts], dim=1),)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Maps of the chosen layers, of whole images of any size.

        Args:
            images (Tensor): pixels, RGB, float, 0 to 255, (B, 3, H, W).

        Returns:
            list[Tensor]: by layer, float, (B, C of the layer, H / stride, W / stride), rounded up.

        Raises:
            ValueError: the model is a transformer, which needs images of its own size.
        """
        if self.is_transformer:
            raise ValueError(
                f'{self.model_name} is a transformer; maps of images of any size need a '
                'convolutional network'
            )
        self.init_weights()
        images = ((images - self.mean[:3]) / self.std[:3]).contiguous(
            memory_format=torch.channels_last
        )
        return self.trunk.forward_intermediates(
            images, indices=self.layers, intermediates_only=True, output_fmt='NCHW'
        )

    def _pooled(self, images: Tensor, alpha: Tensor) -> list[Tensor]:
        """The parts of a feature, each (B, C of its layer): by layers, of each by poolings."""
        options = {'indices': self.layers, 'intermediates_only': True, 'output_fmt': 'NCHW'}
        if 'cls' in self.pooling:
            options['return_prefix_tokens'] = True
        maps = self.trunk.forward_intermediates(images, norm=self.is_transformer, **options)
        parts = []
        for found in maps:
            cells, prefix = found if 'cls' in self.pooling else (found, None)
            for pooling in self.pooling:
                if pooling == 'cls':
                    parts.append(prefix[:, 0])
                    continue
                weights = cell_weights(alpha, pooling, tuple(cells.shape[2:]))
                parts.append((cells.flatten(2) @ weights[:, :, None])[:, :, 0])
        return parts


def timm_config(name: str) -> timm.models.PretrainedCfg:
    """What timm knows of a model and its weights.

    Args:
        name (str): name in timm, with or without tag; no address and no path.

    Raises:
        ValueError: timm has no such model, or its views are not square.
    """
    arch, _, tag = name.partition('.')
    known = timm.is_model(arch) and (not tag or name in timm.list_pretrained(f'{arch}.*'))
    config = timm.get_pretrained_cfg(name) if known else None
    if config is None or len(set(config.input_size[1:])) > 1:
        close = get_close_matches(name, timm.list_pretrained(), 3)
        raise ValueError(f'timm has no model {name!r} of square images; close to it are {close}')
    return config
