"""CLIP's text tower."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor, nn

from mmvrec.models.backbones.checkpoints import read_weights
from mmvrec.models.backbones.clip_weights import HEAD_DIMS, num_layers
from mmvrec.models.text.prompts import DEFAULT_TEMPLATES, check_templates, prompts, read_phrases
from mmvrec.registry import MODELS
from mmvrec.structures import Provenance
from mmvrec.weights.lookup import find_weights

# What every text tower has beside its layers, as OpenAI names it, with its dimensions.
_INDISPENSABLE = {
    'token_embedding.weight': 2,
    'positional_embedding': 2,
    'ln_final.weight': 1,
    'ln_final.bias': 1,
    'text_projection': 2,
}
# Tokens of a text; CLIP's have 77.
_MAX_CONTEXT = 1024
_LAYERS = 'transformer.resblocks.'
# OpenAI's spelling of the two special tokens, and open_clip's.
_START = ('<|startoftext|>', '<start_of_text>')
_END = ('<|endoftext|>', '<end_of_text>')


@MODELS.register_module()
class CLIPText:
    """Text features of class names by the text tower of `CLIP <https://arxiv.org/abs/2103.00020>`_.

    Tower and tokenizer are open_clip's (``pip install mmvrec[text]``), the weights OpenAI's: those
    of the file that the vision tower was converted from. Tower and weights are loaded on first
    use. A class's feature is the mean of its sentences' features of length 1, itself of length 1.

    Args:
        arch (str): architecture of random weights, one of ``ARCHS``; with a checkpoint it is read
            off the file. Defaults to ``vit-l/14``.
        checkpoint (str, optional): CLIP weights of OpenAI (TorchScript archive or state dict), see
            :func:`mmvrec.weights.lookup.find_weights`.
        templates (Sequence[str]): sentences with ``{label}`` and, if wanted, ``{task}``. Defaults
            to the released code's one.
        random_seed (int): seed of the random weights when no checkpoint is named. Defaults to 0.
        phrases (str | Mapping, optional): what stands for ``{label}`` in the place of class names,
            by task and class, or ``mvtec_fs``: those of the package for the 68 classes of MVTec-FS.
            Defaults to None: the names.

    Raises:
        ValueError: unknown architecture or phrases, or a template without ``{label}``.
    """

    ARCHS = {
        'vit-b/16': dict(width=512, layers=12, out_dims=512),
        'vit-l/14': dict(width=768, layers=12, out_dims=768),
        'vit-l/14@336px': dict(width=768, layers=12, out_dims=768),
        'tiny': dict(width=64, layers=2, out_dims=192),
    }

    def __init__(
        self,
        arch: str = 'vit-l/14',
        checkpoint: str | None = None,
        templates: Sequence[str] = DEFAULT_TEMPLATES,
        random_seed: int = 0,
        phrases: str | Mapping[str, Mapping[str, str]] | None = None,
    ):
        if arch not in self.ARCHS:
            raise ValueError(f'arch must be one of {list(self.ARCHS)}, got {arch!r}')
        self.arch = arch
        self.checkpoint = checkpoint
        self.templates = check_templates(templates)
        self.random_seed = random_seed
        self.phrases = read_phrases(phrases)
        self._tower: nn.Module | None = None

    @property
    def provenance(self) -> Provenance:
        """Where the tower's weights come from."""
        if self.checkpoint is None:
            return Provenance(f'random (seed {self.random_seed})', is_random=True)
        return Provenance(self.checkpoint)

    @torch.no_grad()
    def __call__(self, task: str, class_names: Sequence[str]) -> Tensor:
        """Text features of the classes of a task.

        Args:
            task (str): name of the task.
            class_names (Sequence[str]): in label order.

        Returns:
            Tensor: float32, (N, C), rows of length 1, on the CPU.

        Raises:
            ImportError: open_clip is not installed.
            FileNotFoundError: there is no such checkpoint.
            ValueError: it holds no text tower, or is damaged.
        """
        sentences = [prompts(name, task, self.templates, self.phrases) for name in class_names]
        feats = F.normalize(self.encode([s for group in sentences for s in group]), dim=-1)
        return F.normalize(feats.unflatten(0, (len(class_names), -1)).mean(1), dim=-1)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Embed sentences; longer ones than 75 tokens are cut.

        Args:
            texts (Sequence[str]): the sentences.

        Returns:
            Tensor: float32, (T, C), not normalised.
        """
        tower = self._load()
        return tower(tokenize(texts, tower.context_length))

    def _load(self) -> nn.Module:
        if self._tower is None:
            if self.checkpoint is None:
                self._tower = random_tower(**self.ARCHS[self.arch], seed=self.random_seed)
                message, level = f'RANDOM weights: {self.provenance}', 30
            else:
                self._tower = load_tower(self.checkpoint)
                message, level = f'{self.checkpoint} ({find_weights(self.checkpoint)})', 20
            print_log(f'The text tower has {message}', logger='current', level=level)
        return self._tower


def tokenize(texts: Sequence[str], context_length: int = 77) -> Tensor:
    """Token ids of sentences, by open_clip's byte pair encoding.

    Args:
        texts (Sequence[str]): the sentences.
        context_length (int): length to which they are padded with 0 or cut. Defaults to 77.

    Returns:
        Tensor: int64, (T, context_length).
    """
    from open_clip.tokenizer import SimpleTokenizer

    spelled = [text.replace(*_START).replace(*_END) for text in texts]
    return SimpleTokenizer()(spelled, context_length)


def build_tower(
    width: int, layers: int, out_dims: int, context_length: int = 77, vocab_size: int = 49408
) -> nn.Module:
    """Build open_clip's text tower as OpenAI's: QuickGELU, causal, pooled at the end token.

    Raises:
        ImportError: open_clip is not installed.
    """
    try:
        from open_clip.transformer import QuickGELU, TextTransformer
    except ImportError as error:
        raise ImportError(
            'text features are made by open_clip: pip install "mmvrec[text]", or name a file of '
            "stored ones, model.text=dict(type='StoredText', ann_file=...)"
        ) from error
    return TextTransformer(
        context_length=context_length,
        vocab_size=vocab_size,
        width=width,
        heads=max(width // HEAD_DIMS, 1),
        layers=layers,
        output_dim=out_dims,
        act_layer=QuickGELU,
    ).eval()


def random_tower(width: int, layers: int, out_dims: int, seed: int) -> nn.Module:
    """Draw a tower by open_clip's initialisation, without touching the global generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_tower(width, layers, out_dims)


def load_tower(path: str) -> nn.Module:
    """Load the text tower of a CLIP checkpoint, its architecture read off the shapes.

    Args:
        path (str): see :func:`mmvrec.weights.lookup.find_weights`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, holds no text tower, or has NaN weights.
    """
    state, _ = read_weights(path)
    missing = [name for name in _INDISPENSABLE if name not in state]
    if missing:
        raise ValueError(
            f'{path} holds no text tower, {missing[:2]} are missing; AlphaCLIP and converted files '
            'have the vision tower only: name the CLIP weights of OpenAI'
        )
    names = [n for n in state if n in _INDISPENSABLE or n.startswith(_LAYERS)]
    tensors = {name: state[name].float() for name in names}
    bad = [name for name, value in tensors.items() if not torch.isfinite(value).all()]
    if bad:
        raise ValueError(f'{path}: NaN or infinite values in {bad[:3]}; get the file again')
    try:
        tower = build_tower(**tower_shape(tensors))
        tower.load_state_dict(tensors)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f'{path}: the text tower is incomplete: {error}') from error
    return tower


def tower_shape(state: Mapping[str, Tensor]) -> dict[str, int]:
    """Read the arguments of :func:`build_tower` off the shapes of weights.

    Raises:
        ValueError: weights have impossible shapes, or are too few for them.
    """
    if any(state[name].ndim != dims for name, dims in _INDISPENSABLE.items()):
        raise ValueError('its weights have impossible shapes')
    vocab_size, width = state['token_embedding.weight'].shape
    context_length = len(state['positional_embedding'])
    if context_length > _MAX_CONTEXT:
        raise ValueError(f'it reads texts of {context_length} tokens, at most {_MAX_CONTEXT} do')
    layers = num_layers(state, _LAYERS)
    if layers * 12 * width * width > sum(value.numel() for value in state.values()):
        raise ValueError(f'its weights are too few for {layers} layers of width {width}')
    return {
        'width': width,
        'layers': layers,
        'out_dims': state['text_projection'].shape[1],
        'context_length': context_length,
        'vocab_size': vocab_size,
    }
