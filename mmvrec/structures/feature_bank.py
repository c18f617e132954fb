"""The feature bank: view features of many instances, the seam between images and heads."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmvrec.structures.bank_fields import bank_fields
from mmvrec.structures.label_space import LabelSpace
from mmvrec.utils.array_files import read_npz
from mmvrec.utils.files import atomic_write

#: Label of an instance without a class, such as a detector's false alarm.
UNLABELLED = -1
#: Classes of a task whose names are not given.
_MOST_CLASSES = 2**16
#: Instances that are looked at together, so that large banks need no more memory than small ones.
_BLOCK = 256


@dataclass
class FeatureBank:
    """View features of M instances with their labels, tasks and ids.

    Args:
        feats (Tensor): view features, float32, shape (M, V, C); float16 where a cache keeps them
            so. They may lie in a file that is mapped into memory, and are never changed.
        labels (Tensor): class index within the instance's task, int64, shape (M,);
            :data:`UNLABELLED` of queries without a class, which no accuracy counts.
        tasks (list[str]): task of every instance, length M.
        ids (list[str]): id of every instance, length M, unique.
        class_names (dict[str, list[str]]): class names of every task, in label order.

    Raises:
        ValueError: shapes do not agree, features are not finite, ids repeat, or a label is
            outside the classes of its task.
    """

    feats: Tensor
    labels: Tensor
    tasks: list[str]
    ids: list[str]
    class_names: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self):
        self.tasks, self.ids = list(self.tasks), list(self.ids)
        check_sizes(self)
        finite = [torch.isfinite(part).flatten(1).all(1) for part in self.feats.split(_BLOCK)]
        bad = (~torch.cat(finite)).nonzero().flatten().tolist()
        if bad:
            raise ValueError(
                f'{len(bad)} instances have NaN or infinite features, the first: '
                f'{[self.ids[i] for i in bad[:5]]}; extract them again'
            )
        name_classes(self)

    @classmethod
    def of_task(
        cls, task: str, feats: Tensor, names: Sequence[str], ids: Sequence[str]
    ) -> 'FeatureBank':
        """Make the bank of one task from the class names of its instances, sorted."""
        classes = sorted(set(names))
        labels = torch.tensor([classes.index(name) for name in names], dtype=torch.int64)
        return cls(feats, labels, [task] * len(names), list(ids), {task: classes})

    def __len__(self) -> int:
        """Number of instances."""
        return len(self.ids)

    @property
    def task_names(self) -> list[str]:
        """Names of the tasks, in the order of their first instance."""
        return list(dict.fromkeys(self.tasks))

    @property
    def label_space(self) -> LabelSpace:
        """The classes of the tasks that occur."""
        return LabelSpace({task: self.class_names[task] for task in self.task_names})

    @property
    def positions(self) -> Tensor:
        """Position of the class of every instance in :attr:`label_space`, int64, (M,)."""
        space = self.label_space
        starts = torch.tensor(
            [space.range_of(task).start for task in self.tasks], dtype=torch.int64
        )
        return torch.where(self.labels == UNLABELLED, UNLABELLED, self.labels + starts)

    @property
    def label_names(self) -> list[str]:
        """Class name of every instance; empty of one without a class."""
        return [
            '' if label == UNLABELLED else self.class_names[task][label]
            for task, label in zip(self.tasks, self.labels.tolist(), strict=True)
        ]

    def select(self, indices: Sequence[int]) -> 'FeatureBank':
        """Select some of the instances, in the order of ``indices``: a copy, float32."""
        indices = list(indices)
        return FeatureBank(
            feats=self.feats[indices].float(),
            labels=self.labels[indices],
            tasks=[self.tasks[i] for i in indices],
            ids=[self.ids[i] for i in indices],
            class_names={task: list(names) for task, names in self.class_names.items()},
        )

    def rows(self, start: int, stop: int) -> 'FeatureBank':
        """Select the instances from ``start`` up to ``stop``; their features are not copied."""
        own = slice(start, stop)
        return replace(
            self,
            feats=self.feats[own],
            labels=self.labels[own],
            tasks=self.tasks[own],
            ids=self.ids[own],
            class_names={task: list(names) for task, names in self.class_names.items()},
        )

    def task(self, task: str) -> 'FeatureBank':
        """Select the instances of one task, without a copy where they follow one another.

        Raises:
            KeyError: no instance belongs to ``task``.
        """
        indices = [i for i, name in enumerate(self.tasks) if name == task]
        if not indices:
            raise KeyError(f'no task {task!r} in this bank; its tasks are {self.task_names}')
        start, stop = indices[0], indices[-1] + 1
        return self.rows(start, stop) if stop - start == len(indices) else self.select(indices)

    def save(self, path: str | Path) -> None:
        """Write the bank as npz (see :meth:`load` for the fields)."""
        known = [task for task, names in self.class_names.items() if names]
        with atomic_write(path) as temporary, temporary.open('wb') as file:
            np.savez(
                file,
                feats=self.feats.numpy(),
                labels=self.labels.numpy(),
                tasks=np.array(self.tasks),
                ids=np.array(self.ids),
                class_names=np.array(
                    [f'{t}\t{name}' for t in known for name in self.class_names[t]]
                ),
            )

    @classmethod
    def load(cls, path: str | Path, token: int = 0) -> 'FeatureBank':
        """Read a bank from npz.

        Args:
            path (str | Path): npz file with ``feats`` (any float type, (M, V, C) or
                (M, V, T, C)) and ``labels`` (integers, (M,)); optional ``tasks`` (strings, (M,)),
                ``ids`` (strings, (M,)) and ``class_names`` (strings: the classes of the only task,
                or ``task<TAB>class``). Without ids, instances are called by their position.
            token (int): which of the T tokens is used. Defaults to 0, the class token.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged, a field is missing or has the wrong shape or type.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f'no feature bank at {path}; set `ann_file` to an npz file with `feats` '
                '[M, V, C] and `labels` [M]'
            )
        data = read_npz(path, ('feats', 'labels'))
        try:
            return cls(**bank_fields(data, token))
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from error


def check_sizes(bank: FeatureBank) -> None:
    """Check the fields of a bank against one another.

    Raises:
        ValueError: the features do not have three dimensions, another field has not one entry per
            instance, or ids repeat.
    """
    if bank.feats.ndim != 3:
        raise ValueError(
            f'feats must have shape (M, V, C), got {tuple(bank.feats.shape)}; a bank with '
            'several tokens, (M, V, T, C), is reduced to one by FeatureBank.load(token=0)'
        )
    sizes = {key: len(getattr(bank, key)) for key in ('feats', 'labels', 'tasks', 'ids')}
    if bank.labels.ndim != 1 or len(set(sizes.values())) != 1:
        raise ValueError(f'every field must have one entry per instance, got {sizes}')
    repeated = sorted(i for i, number in Counter(bank.ids).items() if number > 1)
    if repeated:
        raise ValueError(f'instance ids must be unique, repeated: {repeated[:5]}')


def name_classes(bank: FeatureBank) -> None:
    """Name the classes of tasks without names by their numbers, and check all labels.

    Raises:
        ValueError: a label is outside the classes of its task, or too large to count up to.
    """
    members: dict[str, list[int]] = {}
    for index, task in enumerate(bank.tasks):
        members.setdefault(task, []).append(index)
    for task, indices in members.items():
        labels = bank.labels[indices]
        if task not in bank.class_names:
            number = int(labels.max()) + 1
            if number > _MOST_CLASSES:
                raise ValueError(
                    f'task {task!r} has the label {number - 1}, but no class_names; without them '
                    f'labels must be 0 to {_MOST_CLASSES - 1}'
                )
            bank.class_names[task] = [str(label) for label in range(number)]
        names = bank.class_names[task]
        bad = labels[(labels < UNLABELLED) | (labels >= len(names))]
        if len(bad):
            raise ValueError(
                f'task {task!r} has {len(names)} classes {names[:20]}, but label '
                f'{int(bad[0])} occurs; labels must be 0 to {len(names) - 1}'
            )


def hold_out(bank: FeatureBank, task: str, name: str) -> FeatureBank:
    """Select one task as if one of its classes were not known.

    Args:
        bank (FeatureBank): labelled instances.
        task (str): the task.
        name (str): the class; its instances become :data:`UNLABELLED`.

    Returns:
        FeatureBank: with the other classes, in the same order.

    Raises:
        KeyError: there is no such task or class.
    """
    bank = bank.task(task)
    names = bank.class_names[task]
    if name not in names:
        raise KeyError(f'task {task!r} has no class {name!r}; its classes are {names}')
    index = names.index(name)
    labels = bank.labels - (bank.labels > index).long()
    labels[bank.labels == index] = UNLABELLED
    others = [other for other in names if other != name]
    return FeatureBank(bank.feats, labels, bank.tasks, bank.ids, {task: others})


def labelled(bank: FeatureBank) -> FeatureBank:
    """Select the instances that have a class."""
    return bank.select((bank.labels != UNLABELLED).nonzero().flatten().tolist())
