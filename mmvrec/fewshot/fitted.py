"""A classifier that is fitted: what loops yield, the inferencer owns, files store, reports read."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mmvrec.fewshot.estimate import SupportEstimate
from mmvrec.fewshot.held_out import HeldOutAnswer
from mmvrec.fewshot.leaving_early import EarlyExit
from mmvrec.fewshot.rejection import similarities
from mmvrec.models.heads import FewShotHead
from mmvrec.models.heads.scores import probabilities
from mmvrec.structures import FeatureBank, LabelSpace

#: Queries that are answered at once: doubles of their features are held.
_BLOCK = 256


@dataclass(frozen=True)
class Neighbour:
    """A support instance that is like a query.

    Args:
        id (str): of the support instance.
        label (str): its class.
        similarity (float): cosine of the mean features, in [-1, 1].
    """

    id: str
    label: str
    similarity: float


@dataclass(frozen=True)
class Prediction:
    """What a classifier makes of one instance.

    Args:
        label (str): the most probable class.
        score (float): its probability.
        scores (dict[str, float]): probability of every class, in label order.
        similarity (float, optional): to the nearest support instance, in [-1, 1]; None without
            support.
        unknown (bool, optional): whether it is less typical than known instances are, see
            :meth:`FittedClassifier.typicality`; None without threshold.
        neighbours (tuple[Neighbour, ...]): the nearest support instances, the nearest first.
    """

    label: str
    score: float
    scores: dict[str, float]
    similarity: float | None = None
    unknown: bool | None = None
    neighbours: tuple[Neighbour, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Write the fields in types that JSON has."""
        return {**vars(self), 'neighbours': [vars(near) for near in self.neighbours]}


@dataclass(frozen=True)
class FittedClassifier:
    """A fitted head with all that its answers need.

    Args:
        head (FewShotHead): fitted, in eval mode, on its device.
        label_space (LabelSpace): what the head tells apart.
        support (FeatureBank, optional): the labelled instances that queries are compared with, on
            the CPU. Defaults to None: a checkpoint does not tell them.
        temperature (float): of the scores, see :func:`fit_temperature`. Defaults to 1.
        threshold (float, optional): typicality below which an instance is unknown, see
            :func:`leave_one_out_threshold`. Defaults to None: nothing is.
        product (str, optional): the task of all queries, where a head of several tasks is told
            it: scores are those of its classes alone. Defaults to None.
        estimate (SupportEstimate, optional): what can be expected of it, see :func:`estimate`.
            Defaults to None.
        held_out (tuple[HeldOutAnswer, ...]): answers to support instances by heads fitted without
            them. Defaults to none.
        early_exit (EarlyExit, optional): when an instance need not be looked at in full. Defaults
            to None: it is.
    """

    head: FewShotHead
    label_space: LabelSpace
    support: FeatureBank | None = None
    temperature: float = 1.0
    threshold: float | None = None
    product: str | None = None
    estimate: SupportEstimate | None = None
    held_out: tuple[HeldOutAnswer, ...] = ()
    early_exit: EarlyExit | None = None

    def __post_init__(self):
        if self.support is not None:
            device = next(self.head.parameters(), self.support.feats).device
            self.head.remember(self.support.feats.to(device), self.support.positions.to(device))

    @property
    def class_names(self) -> list[str]:
        """Names of the classes that queries are told apart by, in the order of the scores."""
        if self.product is None:
            return self.label_space.names
        return list(self.label_space.classes[self.product])

    def first_position(self, task: str) -> int:
        """Position of the first class of a task among :attr:`class_names`."""
        return 0 if self.product else self.label_space.range_of(task).start

    @torch.no_grad()
    def scores(self, feats: Tensor) -> Tensor:
        """Compute class probabilities.

        Args:
            feats (Tensor): view features, float, (B, V, C).

        Returns:
            Tensor: float32, (B, N), on the CPU.

        Raises:
            ValueError: the head gives NaN.
        """
        # Heads without parameters compute where the features are.
        device = next(self.head.parameters(), feats).device
        logits = torch.cat(
            [self.head.log_scores(block.to(device)) for block in self._blocks(feats)]
        )
        undefined = logits.isnan().any(1).nonzero().flatten().tolist()
        if undefined:
            raise ValueError(
                f'the head gives NaN for the instances {undefined[:5]} of {len(feats)}; was it '
                'trained to the end?'
            )
        if self.product is not None:
            logits = self.label_space.restrict(logits, self.product)
        return probabilities(logits, self.temperature).cpu()

    def similarities(self, feats: Tensor) -> Tensor | None:
        """Compute cosines with the support instances, (B, V, C) to (B, M); None without support."""
        if self.support is None:
            return None
        return torch.cat([similarities(b, self.support.feats) for b in self._blocks(feats)])

    def typicality(self, feats: Tensor) -> Tensor | None:
        """How far instances are like the support, (B, V, C) to (B,); None without support.

        See :meth:`FewShotHead.typicality`.
        """
        if self.support is None:
            return None
        device = next(self.head.parameters(), feats).device
        support = self.support.feats.to(device)
        typical = [self.head.typicality(b.to(device), support) for b in self._blocks(feats)]
        return torch.cat(typical).cpu()

    def _blocks(self, feats: Tensor) -> Iterator[Tensor]:
        """Queries that are answered at once, float32; all where they influence each other."""
        size = len(feats) if self.head.transductive else _BLOCK
        return (block.float() for block in feats.split(max(size, 1)))

    def knows(self, feats: Tensor) -> bool:
        """Tell whether an instance with these view features, (V, C), is in the support.

        Names do not tell: files are copied and renamed.
        """
        return bool(torch.isclose(feats, self.support.feats, atol=1e-4).flatten(1).all(1).any())

    def are_unknown(self, feats: Tensor) -> list[bool | None]:
        """Tell whether instances are too little typical to be known; None without threshold.

        One that was left early was known by the views that were looked at, (B, v, C) of V.
        """
        typical = self.typicality(feats)
        if typical is None or self.threshold is None:
            return [None] * len(feats)
        if self.early_exit is not None and feats.shape[1] < len(self.early_exit.order):
            return [False] * len(feats)
        return (typical < self.threshold).tolist()

    def predict(self, feats: Tensor, neighbours: int = 3) -> list[Prediction]:
        """Classify instances.

        Args:
            feats (Tensor): view features, float, (B, V, C).
            neighbours (int): support instances that are named as evidence. Defaults to 3.

        Returns:
            list[Prediction]: one for every instance.
        """
        names = self.class_names
        scores = self.scores(feats)
        nearest = self.nearest(feats, neighbours)
        unknown = self.are_unknown(feats)
        predictions = []
        for row, near, is_unknown in zip(scores, nearest, unknown, strict=True):
            best = int(row.argmax())
            predictions.append(
                Prediction(
                    label=names[best],
                    score=float(row[best]),
                    scores=dict(zip(names, row.tolist(), strict=True)),
                    similarity=near[0].similarity if near else None,
                    unknown=is_unknown,
                    neighbours=tuple(near[:neighbours]),
                )
            )
        return predictions

    def nearest(self, feats: Tensor, number: int) -> list[list[Neighbour]]:
        """Find the most similar support instances of every query.

        Args:
            feats (Tensor): view features, float, (B, V, C).
            number (int): how many; at least one is given.

        Returns:
            list[list[Neighbour]]: the nearest first; none without support.
        """
        cosines = self.similarities(feats)
        if cosines is None:
            return [[] for _ in feats]
        bank, labels = self.support, self.support.label_names
        values, rows = cosines.sort(dim=1, descending=True)
        number = min(max(number, 1), len(bank))
        return [
            [
                Neighbour(bank.ids[index], labels[index], value)
                for index, value in zip(own[:number], cosine[:number], strict=True)
            ]
            for own, cosine in zip(rows.tolist(), values.tolist(), strict=True)
        ]


def require_fitted(fitted: FittedClassifier | None) -> FittedClassifier:
    """Raise ``ValueError`` where nothing is fitted yet."""
    if fitted is None:
        raise ValueError('nothing is fitted; call enroll(...) and fit() first')
    return fitted


def require_incremental(fitted: FittedClassifier | None) -> FittedClassifier:
    """Raise ``ValueError`` where nothing is fitted, or only training can change the head."""
    head = require_fitted(fitted).head
    if not head.incremental:
        raise ValueError(
            f'{type(head).__name__} must be trained for other classes; enroll, then fit()'
        )
    return fitted
