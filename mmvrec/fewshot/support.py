"""Support sets: what a head is fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmvrec.datasets.samplers import EpisodeSampler
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.structures import FeatureBank, LabelSpace


@dataclass(frozen=True)
class SupportSet:
    """Labelled features of the classes that one head tells apart.

    Args:
        feats (Tensor): view features, float, (M, V, C).
        labels (Tensor): class indices, int64, (M,).
        label_space (LabelSpace): the classes that the head tells apart.
        text_feats (Tensor, optional): text features of the classes, float, (N, C).
    """

    feats: Tensor
    labels: Tensor
    label_space: LabelSpace
    text_feats: Tensor | None = None

    @property
    def num_classes(self) -> int:
        """N, over all tasks."""
        return self.label_space.num_classes


class SupportSampler:
    """Draws the support sets of a model's heads from a pool.

    A model with one head per task gets one support set per task, a unified model one of all tasks;
    the instances that are drawn are the same.

    Args:
        pool (FeatureBank): the support pool.
        tasks (Sequence[str]): tasks of the pool to draw for.
        shots (int): K, instances per class.
        seed (int): seed of episode 0, see :class:`EpisodeSampler`. Defaults to 0.
        allow_fewer (bool): see :class:`EpisodeSampler`. Defaults to False.

    Raises:
        KeyError: the pool has no instance of a task.
        ValueError: a class has fewer than K instances.
    """

    def __init__(
        self,
        pool: FeatureBank,
        tasks: Sequence[str],
        shots: int,
        seed: int = 0,
        allow_fewer: bool = False,
    ):
        self.banks = {task: pool.task(task) for task in tasks}
        self.samplers = {
            task: EpisodeSampler(
                bank.labels.tolist(), bank.class_names[task], shots, seed, task, allow_fewer
            )
            for task, bank in self.banks.items()
        }

    @property
    def short(self) -> dict[str, dict[str, int]]:
        """Number of instances of the classes that have fewer than K, by task."""
        return {task: one.short for task, one in self.samplers.items() if one.short}

    def draw(self, episode: int, tasks: Sequence[str] | None = None) -> dict[str, FeatureBank]:
        """Support bank of every task, or of those named, in one episode."""
        return {
            task: self.banks[task].select(self.samplers[task].draw(episode))
            for task in (tasks or self.banks)
        }


def make_support(model: MVRECClassifier, drawn: Mapping[str, FeatureBank]) -> SupportSet:
    """Make the support set of one head, on the model's device.

    Args:
        model (MVRECClassifier): whose head it is, with the text encoder where it has one.
        drawn (Mapping[str, FeatureBank]): support bank of every task that the head tells apart.

    Returns:
        SupportSet: labels of later tasks are shifted by the number of classes of earlier ones.
    """
    device = model.data_preprocessor.device
    label_space = LabelSpace({task: bank.class_names[task] for task, bank in drawn.items()})
    labels = [bank.labels + label_space.range_of(task).start for task, bank in drawn.items()]
    return SupportSet(
        feats=torch.cat([bank.feats for bank in drawn.values()]).to(device),
        labels=torch.cat(labels).to(device),
        label_space=label_space,
        text_feats=model.text_feats(label_space),
    )
