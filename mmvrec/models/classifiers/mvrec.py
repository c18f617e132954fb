"""The model: preprocessor, backbone and one head per task."""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from mmpretrain.models.classifiers.base import BaseClassifier
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmvrec.models.heads.base import FewShotHead
from mmvrec.registry import MODELS
from mmvrec.structures import FeatureBank


@MODELS.register_module()
class MVRECClassifier(BaseClassifier):
    """`MVREC <https://arxiv.org/abs/2412.16897>`_: a frozen backbone and few-shot heads.

    Args:
        head (dict): config of the head; every task gets its own.
        backbone (dict, optional): config of the backbone. None for feature banks made elsewhere.
        data_preprocessor (dict, optional): defaults to ``MultiViewDataPreprocessor``.
        views_per_forward (int): views embedded in one call of the backbone; bounds its memory.
            Defaults to 54 (two instances of 27 views).

    Raises:
        ValueError: ``views_per_forward`` is less than 1.
    """

    def __init__(
        self,
        head: dict,
        backbone: dict | None = None,
        data_preprocessor: dict | None = None,
        views_per_forward: int = 54,
    ):
        preprocessor = {'type': 'MultiViewDataPreprocessor', **(data_preprocessor or {})}
        super().__init__(data_preprocessor=MODELS.build(preprocessor))
        if views_per_forward < 1:
            raise ValueError(f'views_per_forward must be at least 1, got {views_per_forward}')
        self.backbone = None if backbone is None else MODELS.build(backbone)
        self.head_cfg = deepcopy(dict(head))
        # Built once here so that a wrong head config fails now, not after the extraction.
        self.build_head()
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
        """Where the backbone's weights come from."""
        if self.backbone is None:
            return 'features made elsewhere'
        return self.backbone.weights_source or 'not loaded yet'

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
        for task, names in self.task_classes.items():
            head = self.build_head()
            head.allocate(supports[task], len(names), channels)
            self.heads.append(head)
        self.heads.to(self.data_preprocessor.device)

    def head_of(self, task: str) -> FewShotHead:
        """The head of a task.

        Raises:
            KeyError: the task has none.
        """
        if task not in self.task_classes:
            raise KeyError(f'no head for task {task!r}; there are heads for {self.tasks}')
        return self.heads[self.tasks.index(task)]

    @property
    def tasks(self) -> list[str]:
        """Tasks that have a head."""
        return list(self.task_classes)

    @torch.no_grad()
    def predict_bank(self, bank: FeatureBank, head: FewShotHead | None = None) -> Tensor:
        """Class probabilities of the instances of one task.

        Args:
            bank (FeatureBank): instances of one task.
            head (FewShotHead, optional): defaults to the model's head of that task.

        Returns:
            Tensor: float32, (M, N), on the CPU.
        """
        head = head or self.head_of(bank.task_names[0])
        return head.predict(bank.feats.to(self.data_preprocessor.device)).cpu()

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
            scores = self.head_of(sample.task).predict(feat[None])[0]
            sample.set_pred_score(scores).set_pred_label(scores.argmax())
        return data_samples
