"""The model: preprocessor, backbone and one head per task."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Literal

import torch
from mmpretrain.models.classifiers.base import BaseClassifier
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmvrec.models.backbones.base import ViewBackbone
from mmvrec.models.backbones.precision import PRECISIONS, Bfloat16Embedder, resolve_precision
from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.scores import probabilities
from mmvrec.registry import MODELS
from mmvrec.structures import MADE_ELSEWHERE, LabelSpace, Provenance

#: Name of the one head of a unified model.
UNIFIED = 'unified'
UNIFIED_MODES = ('product_known', 'product_unknown')


@MODELS.register_module()
class MVRECClassifier(BaseClassifier):
    """`MVREC <https://arxiv.org/abs/2412.16897>`_: a frozen backbone and few-shot heads.

    Args:
        head (dict): config of the head; every task gets its own.
        backbone (dict, optional): config of the backbone. None for feature banks made elsewhere.
        data_preprocessor (dict, optional): defaults to ``MultiViewDataPreprocessor``.
        views_per_forward (int): views embedded in one call of the backbone; bounds its memory.
            Defaults to 54 (two instances of 27 views).
        text (dict, optional): config of what gives text features of the classes, ``CLIPText`` or
            ``StoredText``; for heads that look at them.
        unified (str, optional): one head for the classes of all tasks instead of one per task.
            ``product_known``: of a query's scores those of its task are kept, set to sum 1;
            ``product_unknown``: it may be taken for a class of any task. Defaults to None.
        prior (str, optional): the backbone's covariance prior, for heads that take one, see
            :func:`load_prior`. Defaults to None.
        precision (str): arithmetic of the backbone: ``fp32`` (default); ``bf16``, about 1 % off
            and several times faster where the device has it; ``auto``: ``bf16`` on GPUs, and CPUs
            with matrix units (AMX), that have it, else ``fp32``, and says which. Needs a frozen
            backbone.

    Raises:
        ValueError: ``views_per_forward`` is less than 1, ``precision`` is none of these or not for
            a backbone that is trained, the head needs text features and there is
            no ``text``, or ``unified`` is none of these.
    """

    def __init__(
        self,
        head: dict,
        backbone: dict | None = None,
        data_preprocessor: dict | None = None,
        views_per_forward: int = 54,
        text: dict | None = None,
        unified: Literal['product_known', 'product_unknown'] | None = None,
        precision: Literal['fp32', 'bf16', 'auto'] = 'fp32',
        prior: str | None = None,
    ):
        preprocessor = {'type': 'MultiViewDataPreprocessor', **(data_preprocessor or {})}
        super().__init__(data_preprocessor=MODELS.build(preprocessor))
        if views_per_forward < 1:
            raise ValueError(f'views_per_forward must be at least 1, got {views_per_forward}')
        self.backbone = None if backbone is None else MODELS.build(backbone)
        if precision not in PRECISIONS:
            raise ValueError(f'precision must be one of {PRECISIONS}, got {precision!r}')
        if precision != 'fp32' and self.backbone is not None and not self.backbone.frozen:
            raise ValueError(f'precision={precision!r} needs a frozen backbone')
        self.precision = precision
        self._low: dict[ViewBackbone, Bfloat16Embedder] = {}
        self.head_cfg = deepcopy(dict(head))
        # Built once here so that a wrong head config fails now, not after the extraction.
        built = self.build_head()
        if prior is not None and built.takes_prior:
            self.head_cfg.setdefault('prior', prior)
            built = self.build_head()
        self.needs_text = built.needs_text
        if self.needs_text and text is None:
            raise ValueError(
                f'{head["type"]} needs text features of the classes; set model.text, as in '
                "dict(type='CLIPText', checkpoint='ViT-L-14.pt')"
            )
        if unified not in (None, *UNIFIED_MODES):
            raise ValueError(f'unified must be None or one of {UNIFIED_MODES}, got {unified!r}')
        self.text = MODELS.build(text) if self.needs_text else None
        self._text_feats: dict[tuple[str, ...], Tensor] = {}
        self.unified = unified
        self.views_per_forward = views_per_forward
        #: The tasks that have a head, and their classes.
        self.label_space = LabelSpace({})
        #: Support instances of every task, and feature channels: the shapes of the heads.
        self.supports: dict[str, int] = {}
        self.channels = 0
        self.heads = nn.ModuleList()
        self.register_load_state_dict_pre_hook(_refuse_heads_without_space)

    def build_head(self) -> FewShotHead:
        """Build a new head that is not fitted yet."""
        return MODELS.build(deepcopy(self.head_cfg))

    @property
    def provenance(self) -> dict[str, Provenance]:
        """Where the weights come from: of the ``backbone``, and of the ``text`` tower if used."""
        parts = {'backbone': self.backbone.provenance if self.backbone else MADE_ELSEWHERE}
        return parts if self.text is None else {**parts, 'text': self.text.provenance}

    def text_feats(self, label_space: LabelSpace) -> Tensor | None:
        """Text features of classes.

        Args:
            label_space (LabelSpace): the classes of one task or several.

        Returns:
            Tensor | None: float32, (N, C), on the model's device; None where the head needs none.
        """
        if not self.needs_text:
            return None
        for task, names in label_space.classes.items():
            if (task, *names) not in self._text_feats:
                self._text_feats[task, *names] = self.text(task, names)
        feats = [self._text_feats[task, *names] for task, names in label_space.classes.items()]
        return torch.cat(feats).to(self.data_preprocessor.device)

    def head_tasks(self, tasks: Sequence[str]) -> dict[str, list[str]]:
        """Name the heads for some tasks, with the tasks that each tells apart."""
        return {UNIFIED: list(tasks)} if self.unified else {task: [task] for task in tasks}

    def extract_feat(self, inputs: Tensor, parts: Sequence[ViewBackbone] | None = None) -> Tensor:
        """Embed views.

        Args:
            inputs (Tensor): views, float, 0 to 255, (B, V, 4 or 3, S, S).
            parts (Sequence[ViewBackbone], optional): some of the backbone's parts, whose features
                are given as they are, side by side. Defaults to the backbone itself.

        Returns:
            Tensor: view features, float32, (B, V, C).

        Raises:
            ValueError: there is no backbone.
        """
        if self.backbone is None:
            raise ValueError(
                'this model has no backbone, it works on feature banks; set model.backbone to '
                'embed images'
            )
        chunks = inputs.flatten(0, 1).split(self.views_per_forward)
        whole = parts is None
        embedders = [self._embedder(part) for part in (self.backbone.parts() if whole else parts)]
        join = self.backbone.join if whole else partial(torch.cat, dim=1)
        feats = torch.cat([join([embed(chunk).float() for embed in embedders]) for chunk in chunks])
        return feats.unflatten(0, inputs.shape[:2])

    def _embedder(self, part: ViewBackbone) -> Callable[[Tensor], Tensor]:
        """What embeds views in the model's precision as a part of the backbone does."""
        if resolve_precision(self.precision, part.mean.device) == 'fp32':
            return part.embed
        if part not in self._low or not self._low[part].is_current(part):
            self._low[part] = Bfloat16Embedder(part, self.views_per_forward)
        return self._low[part]

    def allocate_heads(
        self, label_space: LabelSpace, supports: Mapping[str, int], channels: int
    ) -> None:
        """Create unfitted heads with parameters of the right shapes.

        Args:
            label_space (LabelSpace): the classes of every task.
            supports (Mapping): number of support instances of every task.
            channels (int): feature channels C.

        Raises:
            ValueError: there are heads of other shapes already, as when a checkpoint of another
                config is resumed.
        """
        wanted = [label_space, dict(supports), channels]
        present = [self.label_space, self.supports, self.channels]
        if self.label_space.tasks:
            if wanted != present:
                raise ValueError(
                    'the checkpoint was fitted for other tasks, classes, support sizes or feature '
                    f'channels: {wanted}, but this config has {present}'
                )
            return
        self.label_space = label_space
        self.supports = {task: supports[task] for task in label_space.tasks}
        self.channels = channels
        self.heads = nn.ModuleList()
        for members in self.head_tasks(self.label_space.tasks).values():
            head = self.build_head()
            num_classes = label_space.subset(members).num_classes
            head.allocate(sum(supports[task] for task in members), num_classes, channels)
            self.heads.append(head)
        self.heads.to(self.data_preprocessor.device)

    def head_of(self, task: str) -> tuple[FewShotHead, LabelSpace]:
        """Look up the head of a task and what it tells apart; a unified model has one for all.

        Raises:
            KeyError: the task has none.
        """
        if task not in self.label_space.tasks:
            raise KeyError(
                f'no head for task {task!r}; there are heads for {self.label_space.tasks}'
            )
        if self.unified:
            return self.heads[0], self.label_space
        return self.heads[self.label_space.tasks.index(task)], self.label_space.subset([task])

    def product_of(self, task: str) -> str | None:
        """Name the task that answers are restricted to, where the head is given it; else None."""
        return task if self.unified == 'product_known' else None

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[DataSample] | None = None,
        mode: str = 'tensor',
    ):
        """Embed, or embed and classify.

        Args:
            inputs (Tensor): views, float, 0 to 255, (B, V, 4 or 3, S, S).
            data_samples (list[DataSample], optional): with the field ``task``; needed by
                ``predict`` when the model has several tasks.
            mode (str): ``tensor`` gives view features, ``predict`` data samples with scores.

        Raises:
            ValueError: another mode.
            KeyError: a task without head.
        """
        if mode not in ('tensor', 'predict'):
            raise ValueError(
                f"mode must be 'tensor' or 'predict', got {mode!r}; heads are fitted on feature "
                'banks by FewShotTrainLoop'
            )
        feats = self.extract_feat(inputs)
        return feats if mode == 'tensor' else self.predict(feats, data_samples)

    def predict(
        self, feats: Tensor, data_samples: list[DataSample] | None = None
    ) -> list[DataSample]:
        """Classify view features (B, V, C), each with the head of its sample's task."""
        if data_samples is None:
            if len(self.label_space.tasks) != 1:
                raise KeyError(f'data_samples must name the task, one of {self.label_space.tasks}')
            data_samples = [DataSample(metainfo={'task': self.label_space.tasks[0]}) for _ in feats]
        for feat, sample in zip(feats, data_samples, strict=True):
            head, label_space = self.head_of(sample.task)
            scores = head.log_scores(feat[None])[0]
            if self.product_of(sample.task):
                scores = label_space.restrict(scores, sample.task)
            scores = probabilities(scores)
            sample.set_pred_score(scores).set_pred_label(scores.argmax())
        return data_samples


def _refuse_heads_without_space(
    model: MVRECClassifier, state: Mapping[str, Tensor], prefix: str, *_
) -> None:
    """Refuse fitted heads that would be left out with a warning, as by MMPretrain's ``get_model``.

    Raises:
        ValueError: the checkpoint has heads, and none have been created for them.
    """
    # As a part of another module (EMAHook's average) it gets its heads later.
    is_part = bool(prefix)
    if not is_part and not model.heads and any(name.startswith('heads.') for name in state):
        raise ValueError(
            'the checkpoint has fitted heads, which only a runner creates (FittedHeadsHook): test '
            'it by tools/test.py CONFIG CHECKPOINT, or load a saved model by DefectInferencer.load'
        )
