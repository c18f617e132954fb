"""The feature bank: view features of many instances, the seam between images and heads."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmvrec.structures.label_space import LabelSpace
from mmvrec.utils.array_files import read_npz
from mmvrec.utils.files import atomic_write

DEFAULT_TASK = 'default'
#: Label of an instance without a class, such as a detector's false alarm.
UNLABELLED = -1
#: Classes of a task whose names are not given.
_MOST_CLASSES = 2**16


@dataclass
class FeatureBank:
    """View features of M instances with their labels, tasks and ids.

    Args:
        feats (Tensor): view features, float32, shape (M, V, C).
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
        bad = (~torch.isfinite(self.feats).flatten(1).all(1)).nonzero().flatten().tolist()
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
        """Select some of the instances, in the order of ``indices``."""
        indices = list(indices)
        return FeatureBank(
            feats=self.feats[indices],
            labels=self.labels[indices],
            tasks=[self.tasks[i] for i in indices],
            ids=[self.ids[i] for i in indices],
            class_names={task: list(names) for task, names in self.class_names.items()},
        )

    def task(self, task: str) -> 'FeatureBank':
        """Select the instances of one task.

        Raises:
            KeyError: no instance belongs to ``task``.
        """
        indices = [i for i, name in enumerate(self.tasks) if name == task]
        if not indices:
            raise KeyError(f'no task {task!r} in this bank; its tasks are {self.task_names}')
        return self.select(indices)

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


def bank_fields(data: dict[str, np.ndarray], token: int) -> dict:
    """Check the arrays of a file and make a bank's fields, see :meth:`FeatureBank.load`.

    Raises:
        ValueError: an array has the wrong shape or type, or there is no such token.
    """
    feats, labels = data['feats'], data['labels']
    if not np.issubdtype(feats.dtype, np.floating):
        raise ValueError(f'feats must be floating point, got {feats.dtype}')
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f'labels must be integers, got {labels.dtype}')
    for key in ('labels', 'tasks', 'ids', 'class_names'):
        if key in data and data[key].ndim != 1:
            raise ValueError(f'{key} must be a list, one dimension, got shape {data[key].shape}')
    if feats.ndim == 4:
        if not 0 <= token < feats.shape[2]:
            raise ValueError(f'token must be 0 to {feats.shape[2] - 1}, got {token}')
        feats = feats[:, :, token]
    tasks = [str(t) for t in data.get('tasks', [DEFAULT_TASK] * len(labels))]
    ids = [str(i) for i in data.get('ids', range(len(labels)))]
    return {
        'feats': torch.from_numpy(feats.astype(np.float32)),
        'labels': torch.from_numpy(labels.astype(np.int64)),
        'tasks': tasks,
        'ids': ids,
        'class_names': split_class_names(data.get('class_names'), tasks),
    }


def split_class_names(names: np.ndarray | None, tasks: list[str]) -> dict[str, list[str]]:
    """Split names by task, from ``class`` or ``task<TAB>class``; none where there are none.

    Raises:
        ValueError: a class has no task, and the instances, whose ``tasks`` these are, several.
    """
    class_names: dict[str, list[str]] = {}
    if names is None:
        return class_names
    task_names = list(dict.fromkeys(tasks))
    for name in names.tolist():
        task, tab, label = str(name).rpartition('\t')
        if not tab:
            if len(task_names) != 1:
                raise ValueError(
                    f'the bank has several tasks {task_names}, so class_names must read '
                    f'"task<TAB>class", got {name!r}'
                )
            task = task_names[0]
        class_names.setdefault(task, []).append(label)
    return class_names


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
