"""The model: preprocessor, backbone and one head per task."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Literal

import torch
from mmpretrain.models.classifiers.base import BaseClassifier
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.scores import probabilities
from mmvrec.registry import MODELS
from mmvrec.structures import FeatureBank, class_range, joint_class_names

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

    Raises:
        ValueError: ``views_per_forward`` is less than 1, the head needs text features and there is
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
    ):
        preprocessor = {'type': 'MultiViewDataPreprocessor', **(data_preprocessor or {})}
        super().__init__(data_preprocessor=MODELS.build(preprocessor))
        if views_per_forward < 1:
            raise ValueError(f'views_per_forward must be at least 1, got {views_per_forward}')
        self.backbone = None if backbone is None else MODELS.build(backbone)
        self.head_cfg = deepcopy(dict(head))
        # Built once here so that a wrong head config fails now, not after the extraction.
        self.needs_text = self.build_head().needs_text
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
        #: Class names of every task that has a head, in label order.
        self.task_classes: dict[str, list[str]] = {}
        #: Support instances of every task, and feature channels: the shapes of the heads.
        self.supports: dict[str, int] = {}
        self.channels = 0
        self.heads = nn.ModuleList()

    def build_head(self) -> FewShotHead:
        """A new head that is not fitted yet."""
        return MODELS.build(deepcopy(self.head_cfg))

    @property
    def weights_source(self) -> str:
        """Where the backbone's weights come from, and those of the text tower if it is used."""
        if self.backbone is None:
            source = 'features made elsewhere'
        else:
            source = self.backbone.weights_source or 'not loaded yet'
        return source if self.text is None else f'{source}; text: {self.text.weights_source}'

    def text_feats(self, task_classes: Mapping[str, Sequence[str]]) -> Tensor | None:
        """Text features of the classes of some tasks, one task after the other.

        Args:
            task_classes (Mapping): class names of every task.

        Returns:
            Tensor | None: float32, (N, C), on the model's device; None where the head needs none.
        """
        if not self.needs_text:
            return None
        for task, names in task_classes.items():
            if (task, *names) not in self._text_feats:
                self._text_feats[task, *names] = self.text(task, names)
        feats = [self._text_feats[task, *names] for task, names in task_classes.items()]
        return torch.cat(feats).to(self.data_preprocessor.device)

    def head_tasks(self, tasks: Sequence[str]) -> dict[str, list[str]]:
        """The heads for some tasks, by name, with the tasks that each tells apart."""
        return {UNIFIED: list(tasks)} if self.unified else {task: [task] for task in tasks}

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Embed views.

        Args:
            inputs (Tensor): normalised views, float, (B, V, 4 or 3, S, S).

        Returns:
            Tensor: view features, float32, (B, V, C), or (B, V, 1 + k, C) from a backbone that
            also gives k patch tokens.

        Raises:
            ValueError: there is no backbone.
        """
        if self.backbone is None:
            raise ValueError(
                'this model has no backbone, it works on feature banks; set model.backbone to '
                'embed images'
            )
        chunks = inputs.flatten(0, 1).split(self.views_per_forward)
        feats = torch.cat([self.backbone(chunk)[0].float() for chunk in chunks])
        return feats.unflatten(0, inputs.shape[:2])

    def allocate_heads(
        self, task_classes: Mapping[str, Sequence[str]], supports: Mapping[str, int], channels: int
    ) -> None:
        """Create unfitted heads with parameters of the right shapes.

        Args:
            task_classes (Mapping): class names of every task.
            supports (Mapping): number of support instances of every task.
            channels (int): feature channels C.

        Raises:
            ValueError: there are heads of other shapes already, as when a checkpoint of another
                config is resumed.
        """
        wanted = [{t: list(n) for t, n in task_classes.items()}, dict(supports), channels]
        present = [self.task_classes, self.supports, self.channels]
        if self.tasks:
            if wanted != present:
                raise ValueError(
                    'the checkpoint was fitted for other tasks, classes, support sizes or feature '
                    f'channels: {wanted}, but this config has {present}'
                )
            return
        self.task_classes = {task: list(names) for task, names in task_classes.items()}
        self.supports = {task: supports[task] for task in self.task_classes}
        self.channels = channels
        self.heads = nn.ModuleList()
        for members in self.head_tasks(self.tasks).values():
            head = self.build_head()
            num_classes = sum(len(self.task_classes[task]) for task in members)
            head.allocate(sum(supports[task] for task in members), num_classes, channels)
            self.heads.append(head)
        self.heads.to(self.data_preprocessor.device)

    def head_of(self, task: str) -> FewShotHead:
        """The head of a task; of a unified model the one it has.

        Raises:
            KeyError: the task has none.
        """
        if task not in self.task_classes:
            raise KeyError(f'no head for task {task!r}; there are heads for {self.tasks}')
        return self.heads[0 if self.unified else self.tasks.index(task)]

    @property
    def tasks(self) -> list[str]:
        """Tasks that have a head."""
        return list(self.task_classes)

    def classes_of(self, task: str) -> dict[str, list[str]]:
        """Class names of every task that the head of ``task`` tells apart."""
        return self.task_classes if self.unified else {task: self.task_classes[task]}

    @torch.no_grad()
    def predict_bank(
        self,
        bank: FeatureBank,
        head: FewShotHead | None = None,
        task_classes: Mapping[str, Sequence[str]] | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        """Class probabilities of the instances of one task.

        Args:
            bank (FeatureBank): instances of one task.
            head (FewShotHead, optional): defaults to the model's head of that task.
            task_classes (Mapping, optional): class names of every task that ``head`` tells apart.
                Defaults to those of the model's head.
            temperature (float): see :func:`probabilities`. Defaults to 1.

        Returns:
            Tensor: float32, (M, N), on the CPU, in the order of the head's logits. N are the
            classes of the task, with ``product_unknown`` those of all tasks.
        """
        task = bank.task_names[0]
        head = head or self.head_of(task)
        scores = head.log_scores(bank.feats.to(self.data_preprocessor.device))
        scores = self._of_product(scores, task, task_classes or self.task_classes)
        return probabilities(scores, temperature).cpu()

    def _of_product(
        self, log_scores: Tensor, task: str, task_classes: Mapping[str, Sequence[str]]
    ) -> Tensor:
        """Of the scores (..., N) those of a task, where its product is known."""
        if self.unified != 'product_known':
            return log_scores
        return log_scores[..., list(class_range(task_classes, task))]

    def label_space(
        self, task: str, task_classes: Mapping[str, Sequence[str]]
    ) -> tuple[list[str], int]:
        """Names of the classes that a query of a task is told apart from, and its labels' shift.

        Args:
            task (str): the query's task.
            task_classes (Mapping): class names of every task that the head tells apart.

        Returns:
            tuple[list[str], int]: the names in the order of :meth:`predict_bank`'s scores, and what
            a label of the task is raised by to be a position among them.
        """
        if self.unified == 'product_unknown':
            return joint_class_names(task_classes), class_range(task_classes, task).start
        return list(task_classes[task]), 0

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[DataSample] | None = None,
        mode: str = 'tensor',
    ):
        """Embed, or embed and classify.

        Args:
            inputs (Tensor): normalised views, float, (B, V, 4 or 3, S, S).
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
            if len(self.tasks) != 1:
                raise KeyError(f'data_samples must name the task, one of {self.tasks}')
            data_samples = [DataSample(metainfo={'task': self.tasks[0]}) for _ in feats]
        for feat, sample in zip(feats, data_samples, strict=True):
            scores = self.head_of(sample.task).log_scores(feat[None])[0]
            scores = probabilities(self._of_product(scores, sample.task, self.task_classes))
            sample.set_pred_score(scores).set_pred_label(scores.argmax())
        return data_samples
