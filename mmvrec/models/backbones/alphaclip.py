"""AlphaCLIP's vision tower on MMPretrain's vision transformer."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from mmengine.logging import print_log
from mmpretrain.models.backbones import VisionTransformer
from mmpretrain.models.utils import resize_pos_embed
from torch import Tensor, nn

from mmvrec.models.backbones.base import (
    ALPHA_MEAN,
    ALPHA_STD,
    CLIP_MEAN,
    CLIP_STD,
    ViewBackbone,
)
from mmvrec.models.backbones.clip_archs import ARCHS, resolve_arch
from mmvrec.models.backbones.clip_weights import infer_arch, load_backbone_weights
from mmvrec.models.backbones.encoder import (
    draw_clip_weights,
    embed_patches,
    run_last_layer,
    run_layer,
)
from mmvrec.models.backbones.info import BackboneInfo
from mmvrec.registry import MODELS
from mmvrec.structures import Provenance
from mmvrec.weights.embedded import EMBEDDED
from mmvrec.weights.lookup import find_weights, licence_of


@MODELS.register_module()
class AlphaCLIP(VisionTransformer, ViewBackbone):
    """Vision tower of CLIP with the mask as fourth input channel, frozen by default.

    `Alpha-CLIP: A CLIP Model Focusing on Wherever You Want <https://arxiv.org/abs/2312.03818>`_.
    The published model adds ``conv1_alpha(alpha)`` to ``conv1(rgb)``: one convolution over four
    channels. Everything else is CLIP's: no patch bias, norm before the layers, QuickGELU,
    LayerNorm eps 1e-5, projection after the final norm.

    Weights are loaded by :meth:`init_weights`. MMEngine's test runner does not call it, so the
    first forward does where it has not happened. A model without weights says so loudly.

    Args:
        arch (str | dict, optional): a name of ``ARCHS`` or a dict with the same keys. None infers
            it from ``checkpoint``. Defaults to None.
        checkpoint (str, optional): CLIP (OpenAI), AlphaCLIP visual, converted or embedded
            weights, see :func:`mmvrec.weights.lookup.find_weights`.
        alpha_checkpoint (str, optional): AlphaCLIP visual weights on top of ``checkpoint``.
        img_size (int, optional): input size in pixels, a multiple of the patch size. Another size
            than the weights' needs ``interpolate_pos_embed``. Defaults to that of ``arch``.
        interpolate_pos_embed (bool): interpolate the position embedding of the weights to
            ``img_size`` (bicubic). Defaults to False: another size is an error.
        random_seed (int, optional): seed of the random weights when no checkpoint is named.
        frozen (bool): no gradients, always in eval mode. Defaults to True.
        quick_gelu (bool): the activation of OpenAI's CLIP and of AlphaCLIP, x sigmoid(1.702 x). Of
            OpenCLIP's models (LAION, DataComp), whose files have the same names, False: GELU; only
            those whose names end in ``-quickgelu`` have it. Defaults to True.
        mean (Sequence[float]): see :class:`ViewBackbone`.
        std (Sequence[float]): see :class:`ViewBackbone`.

    Raises:
        ValueError: unknown architecture, or sizes that do not fit.
    """

    ARCHS = ARCHS

    def __init__(
        self,
        arch: str | dict | None = None,
        checkpoint: str | None = None,
        alpha_checkpoint: str | None = None,
        img_size: int | None = None,
        interpolate_pos_embed: bool = False,
        random_seed: int | None = None,
        frozen: bool = True,
        quick_gelu: bool = True,
        mean: Sequence[float] = (*CLIP_MEAN, ALPHA_MEAN),
        std: Sequence[float] = (*CLIP_STD, ALPHA_STD),
    ):
        arch = resolve_arch(arch, checkpoint, alpha_checkpoint)
        img_size = img_size or arch['img_size']
        if img_size % arch['patch_size']:
            raise ValueError(
                f'img_size must be a multiple of the patch size {arch["patch_size"]}, '
                f'got {img_size}'
            )
        super().__init__(
            arch={k: v for k, v in arch.items() if k in self._TRANSFORMER_KEYS},
            img_size=img_size,
            patch_size=arch['patch_size'],
            in_channels=4,
            norm_cfg=dict(type='LN', eps=1e-5),
            out_type='raw',
            pre_norm=True,
            # MMPretrain's own drop path rates are NumPy floats, which break torch.compile.
            layer_cfgs=dict(
                act_cfg=dict(type='mmpretrain.QuickGELU' if quick_gelu else 'mmengine.GELU'),
                drop_path_rate=0.0,
            ),
        )
        if quick_gelu:
            # Features that were cached before there was a choice stay valid.
            del self.arguments['quick_gelu']
        self.normalise_by(mean, std)
        self.proj = nn.Parameter(torch.empty(self.embed_dims, arch['out_dims']))
        self.out_dims = arch['out_dims']
        self.input_size = img_size
        self.checkpoint = checkpoint
        self.alpha_checkpoint = alpha_checkpoint
        self.interpolate_pos_embed = interpolate_pos_embed
        self.random_seed = random_seed
        self.frozen = frozen
        self._run_layer = run_layer
        if frozen:
            self.requires_grad_(False)

    WEIGHT_ARGUMENTS = ('checkpoint', 'alpha_checkpoint', 'random_seed', 'frozen')
    _TRANSFORMER_KEYS = ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels')

    @property
    def provenance(self) -> Provenance:
        """Name or files of the weights; ``not loaded yet`` before :meth:`init_weights`."""
        return self._provenance or Provenance('not loaded yet', is_random=True)

    @property
    def info(self) -> BackboneInfo:
        """Method, paper, and licence of the named weights."""
        named = [name for name in (self.checkpoint, self.alpha_checkpoint) if name]
        learnt = 'generated defects' if self.checkpoint in EMBEDDED else 'image, mask and text'
        paper = 'https://arxiv.org/abs/2312.03818'
        return BackboneInfo(f'AlphaCLIP, {learnt}', paper, licence_of(*named))

    def init_weights(self) -> None:
        """Load the named weights, or draw random ones; does nothing where weights are set.

        Raises:
            FileNotFoundError: a named checkpoint is missing.
            ValueError: it is damaged, foreign, or does not fit the architecture.
        """
        if self._provenance is not None:
            return
        if self.checkpoint is None and self.alpha_checkpoint is None:
            self._draw_weights()
        else:
            self._load_named_weights()
        self._is_init = True

    def _load_named_weights(self) -> None:
        named = [p for p in (self.checkpoint, self.alpha_checkpoint) if p]
        source = ' + '.join(map(str, named))
        state = load_backbone_weights(self.checkpoint, self.alpha_checkpoint)
        expected = self.state_dict()
        missing, unexpected = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
        if missing or unexpected:
            raise ValueError(
                f'{source} does not fit this architecture: {len(missing)} weights are missing '
                f'{missing[:3]}, {len(unexpected)} are not known {unexpected[:3]}; the file has '
                f'{infer_arch(state)}'
            )
        if self.interpolate_pos_embed:
            state['pos_embed'] = interpolated(state['pos_embed'], self.patch_resolution)
        wrong = [n for n in expected if expected[n].shape != state[n].shape]
        if wrong:
            hint = (
                '; another input size needs interpolate_pos_embed=True'
                if wrong == ['pos_embed']
                else f'; the file has {infer_arch(state)}'
            )
            raise ValueError(
                f'{source}: {wrong[0]} has shape {tuple(state[wrong[0]].shape)}, this model needs '
                f'{tuple(expected[wrong[0]].shape)}{hint}'
            )
        self.load_state_dict(state)
        self._provenance = Provenance(source, licence=licence_of(*named))
        files = ', '.join(str(find_weights(p)) for p in named)
        print_log(f'AlphaCLIP weights: {source} ({files})', logger='current')

    def _draw_weights(self) -> None:
        """Draw random weights, and say so."""
        generator = torch.Generator()
        # Its own seed where none is given: torch.seed() would reseed the global generator too.
        generator.manual_seed(generator.seed() if self.random_seed is None else self.random_seed)
        draw_clip_weights(self, self.embed_dims, self.num_layers, generator)
        seed = 'no fixed seed' if self.random_seed is None else f'seed {self.random_seed}'
        self._provenance = Provenance(f'random ({seed})', is_random=True)
        print_log(
            f'The backbone has RANDOM weights ({seed}): no checkpoint is named. Its numbers show '
            'that the program runs, not what the method can do.',
            logger='current',
            level=30,
        )

    def _prepare_pos_embed(self, state_dict: dict, prefix: str, *args, **kwargs) -> None:
        """Refuse a checkpoint of another input size, which MMPretrain would resize in silence."""
        loaded = state_dict.get(f'{prefix}pos_embed')
        if loaded is None:
            return
        if loaded.shape != self.pos_embed.shape:
            raise ValueError(
                f'the checkpoint has a position embedding of shape {tuple(loaded.shape)}, this '
                f'model of {tuple(self.pos_embed.shape)}: they were made for different input sizes'
            )
        if self._provenance is None:
            self.take_weights_from(Provenance('a checkpoint of the runner'))

    def train(self, mode: bool = True) -> 'AlphaCLIP':
        """Set the mode; a frozen backbone stays in eval mode."""
        super().train(mode and not self.frozen)
        return self

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Embed images.

        Args:
            x (Tensor): normalised images, float, (B, 4, S, S); with (B, 3, S, S) the alpha channel
                is left out, which is plain CLIP.

        Returns:
            tuple[Tensor]: the projected class token, (B, C).

        Raises:
            ValueError: wrong number of channels or size.
        """
        self.init_weights()
        x = self._with_alpha(x)
        if self.compute_dtype is None:
            # On CPUs the convolution is faster, and it is the published one.
            patches = self.patch_embed(x)[0]
        else:
            patches = embed_patches(x, self.patch_embed.projection)
        # The shape, not len(x): an exporter keeps it as a symbol, and the batch stays free.
        tokens = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), patches], dim=1)
        tokens = self.pre_norm(tokens + self.pos_embed)
        normed = self.layers[0].ln1(tokens)
        for layer, following in pairwise(self.layers):
            tokens, normed = self._run_layer(layer, following.ln1, tokens, normed)
        token = run_last_layer(self.layers[-1], tokens, normed)
        return (self.ln1(token)[:, 0] @ self.proj,)

    def compile_layers(self) -> bool:
        """Compile the transformer's layers but the last, once for all."""
        self._run_layer = torch.compile(run_layer, dynamic=False)
        return True

    def _with_alpha(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] not in (3, 4) or tuple(x.shape[2:]) != tuple(self.img_size):
            height, width = self.img_size
            raise ValueError(
                f'the backbone needs images of shape (B, 4, {height}, {width}), got '
                f'{tuple(x.shape)}; set img_size of backbone and views alike'
            )
        if x.shape[1] == 3:
            # Zero after normalisation: the alpha kernel then adds nothing.
            x = torch.cat([x, torch.zeros_like(x[:, :1])], dim=1)
        return x


def interpolated(pos_embed: Tensor, resolution: tuple[int, int]) -> Tensor:
    """Resize the position embedding of a square image, (1, 1 + cells, D), to other cells.

    Raises:
        ValueError: it is that of no square image.
    """
    side = round((pos_embed.shape[1] - 1) ** 0.5)
    if len(pos_embed) != 1 or pos_embed.shape[1] != side * side + 1:
        raise ValueError(
            f'a position embedding of shape {tuple(pos_embed.shape)} is that of no square image'
        )
    return resize_pos_embed(pos_embed, (side, side), resolution, 'bicubic', 1)
