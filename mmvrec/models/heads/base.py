"""Base class of the heads: what turns view features into class scores."""

from abc import abstractmethod
from collections.abc import Sequence
from copy import deepcopy

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmvrec.models.heads.leave_out import LeaveOut
from mmvrec.models.heads.scores import log_merge_by_entropy, probabilities
from mmvrec.models.heads.state import frozen

VIEW_MERGING = ('feature', 'logits', 'entropy')


class FewShotHead(LeaveOut, BaseModule):
    """A classifier of one task, fitted on the view features of its support set.

    Three verbs: :meth:`fit` on the support, :meth:`forward` to logits, :meth:`predict` to
    probabilities. Heads see features, never images. What a head needs, its class says
    (:attr:`trains`, :attr:`needs_text`, :attr:`transductive`, :attr:`incremental`).

    Args:
        merge_views (str): how the V views of a query become one answer. ``feature`` (default):
            logits of the mean feature; ``logits``: mean of the views' logits; ``entropy``: the
            views' probabilities, each weighted by one minus its normalised entropy.
        view_indices (Sequence[int], optional): which of the V views are looked at, in support and
            queries; ``[13]`` is the centred crop of the middle scale of 27 views. Defaults to all.

    Raises:
        ValueError: ``merge_views`` is none of these, or ``view_indices`` is empty or negative.
    """

    #: Name of the method, and address of its paper.
    method = ''
    paper = ''
    #: Whether it is to be trained after :meth:`fit`, as a :class:`TrainedHead` is.
    trains = False
    #: Whether :meth:`fit` needs the text features of the classes.
    needs_text = False
    #: Whether it is told the covariance prior of the backbone, see ``MVRECClassifier.prior``.
    takes_prior = False
    #: Whether the answer to a query depends on the queries beside it.
    transductive = False
    #: Whether the support set can change without training: a new head is fitted, and takes over
    #: what a trained one has learnt (:meth:`TrainedHead.take_over`).
    incremental = True

    def __init__(self, merge_views: str = 'feature', view_indices: Sequence[int] | None = None):
        super().__init__()
        if merge_views not in VIEW_MERGING:
            raise ValueError(f'merge_views must be one of {VIEW_MERGING}, got {merge_views!r}')
        if view_indices is not None and not (len(view_indices) and min(view_indices) >= 0):
            raise ValueError(
                f'view_indices must be positions of views, 0 or greater, got {view_indices}'
            )
        self.merge_views = merge_views
        self.view_indices = None if view_indices is None else list(view_indices)
        self._allocated: tuple[int, int, int] | None = None

    def allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create the parameters and buffers, so that a checkpoint can be loaded into them.

        Args:
            num_support (int): instances in the support set, M.
            num_classes (int): classes of the task, N.
            channels (int): feature channels, C.
        """
        if self.needs_text:
            self.text_feats = frozen(num_classes, channels)
        self._allocate(num_support, num_classes, channels)
        self._allocated = (num_support, num_classes, channels)

    def fit(
        self,
        feats: Tensor,
        labels: Tensor,
        num_classes: int,
        text_feats: Tensor | None = None,
    ) -> 'FewShotHead':
        """Fit on a support set. Parameters that exist already in the right shapes are kept.

        Args:
            feats (Tensor): view features, float, (M, V, C).
            labels (Tensor): class indices, int64, (M,); every class occurs.
            num_classes (int): N.
            text_feats (Tensor, optional): text features of the classes, float, (N, C). Needed by
                heads with ``needs_text``, not looked at by others.

        Returns:
            FewShotHead: self.

        Raises:
            ValueError: see :func:`check_support` and :func:`check_text`.
        """
        check_support(feats, labels, num_classes)
        feats = self.select_views(feats)
        shape = (len(feats), num_classes, feats.shape[-1])
        if self._allocated != shape:
            self.allocate(*shape)
            self.to(feats.device)
        if self.needs_text:
            check_text(text_feats, num_classes, feats.shape[-1], type(self).__name__)
            with torch.no_grad():
                self.text_feats.copy_(F.normalize(text_feats.to(self.text_feats), dim=-1))
        self._fit(feats, labels, num_classes)
        return self

    def select_views(self, feats: Tensor) -> Tensor:
        """Select the views that this head looks at, (B, V, C) to (B, V', C).

        Raises:
            ValueError: there are not so many views.
        """
        if self.view_indices is None:
            return feats
        if max(self.view_indices) >= feats.shape[1]:
            raise ValueError(
                f'view_indices={self.view_indices} needs {max(self.view_indices) + 1} views, the '
                f'features have {feats.shape[1]}'
            )
        return feats[:, self.view_indices]

    @abstractmethod
    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """What :meth:`allocate` does, in a subclass."""

    @abstractmethod
    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """What :meth:`fit` does, in a subclass, with checked input and allocated parameters."""

    @abstractmethod
    def class_logits(self, feats: Tensor) -> Tensor:
        """Compute logits of single features.

        Args:
            feats (Tensor): float, (..., C).

        Returns:
            Tensor: float, (..., N).
        """

    def embed(self, feats: Tensor) -> Tensor:
        """Embed features as the head compares them, (..., C) to (..., C); here unchanged."""
        return feats

    def forward(self, feats: Tensor) -> Tensor:
        """Score queries.

        Args:
            feats (Tensor): view features, float, (B, V, C).

        Returns:
            Tensor: float, (B, N): logits, or with ``entropy`` merging probabilities.
        """
        scores = self._scores(self.select_views(feats))
        return scores.softmax(-1) if self.merge_views == 'entropy' else scores

    def _scores(self, feats: Tensor) -> Tensor:
        """Merge the logits of the views that the head looks at, (B, V, C) to (B, N)."""
        if self.merge_views == 'feature':
            return self.class_logits(feats.mean(1))
        logits = self.class_logits(feats)
        return logits.mean(1) if self.merge_views == 'logits' else log_merge_by_entropy(logits)

    @torch.no_grad()
    def log_scores(self, feats: Tensor) -> Tensor:
        """Compute what :func:`probabilities` takes, in double precision.

        Args:
            feats (Tensor): view features, float, (B, V, C).

        Returns:
            Tensor: float64, (B, N): logits, or with ``entropy`` merging logarithms of
            probabilities, up to a constant.
        """
        # Apple's GPUs have no float64.
        device = 'cpu' if feats.device.type == 'mps' else feats.device
        # A copy, as other threads may be using this head.
        precise = deepcopy(self).to(device).double()
        return precise._scores(precise.select_views(feats.to(device).double()))

    def predict(self, feats: Tensor, temperature: float = 1.0) -> Tensor:
        """Compute class probabilities in the order of the logits, see :func:`probabilities`.

        Args:
            feats (Tensor): view features, float, (B, V, C).
            temperature (float): see :func:`probabilities`. Defaults to 1.

        Returns:
            Tensor: float32, (B, N).
        """
        return probabilities(self.log_scores(feats), temperature)


def check_instances(feats: Tensor, labels: Tensor, num_classes: int) -> None:
    """Check labelled view features.

    Raises:
        ValueError: wrong shapes, features that are not finite, or a label outside the classes.
    """
    if feats.ndim != 3 or labels.shape != feats.shape[:1]:
        raise ValueError(
            'fit needs feats (M, V, C) and labels (M,), got '
            f'{tuple(feats.shape)} and {tuple(labels.shape)}'
        )
    if not torch.isfinite(feats).all():
        bad = (~torch.isfinite(feats)).flatten(1).any(1).nonzero().flatten().tolist()
        raise ValueError(f'support instances {bad[:5]} have NaN or infinite features')
    present = set(labels.tolist())
    if not present <= set(range(num_classes)):
        raise ValueError(f'labels must be 0 to {num_classes - 1}, got {sorted(present)}')


def check_support(feats: Tensor, labels: Tensor, num_classes: int) -> None:
    """Check what is handed to :meth:`FewShotHead.fit`.

    Raises:
        ValueError: see :func:`check_instances`; or a class has no instance.
    """
    check_instances(feats, labels, num_classes)
    present = set(labels.tolist())
    missing = sorted(set(range(num_classes)) - present)
    if missing:
        raise ValueError(f'classes {missing} of {num_classes} have no support instance')


def check_text(
    text_feats: Tensor | None, num_classes: int, channels: int, name: str = 'this head'
) -> None:
    """Check the text features that are handed to :meth:`FewShotHead.fit`.

    Raises:
        ValueError: there are none, they have the wrong shape, or are zero or not finite.
    """
    if text_feats is None:
        raise ValueError(
            f'{name} needs text features of the classes; set model.text, as in '
            "dict(type='CLIPText', checkpoint='ViT-L-14.pt') or dict(type='StoredText', "
            "ann_file='text.npz')"
        )
    if text_feats.shape != (num_classes, channels):
        raise ValueError(
            f'{name} needs text features of shape (N, C) = {(num_classes, channels)}, got '
            f'{tuple(text_feats.shape)}; text tower and vision tower must belong together'
        )
    if not torch.isfinite(text_feats).all() or not text_feats.any(1).all():
        raise ValueError('text features have rows that are zero, NaN or infinite')
