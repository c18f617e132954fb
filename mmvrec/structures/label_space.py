"""Label spaces: the classes that a head tells apart, of one task or of several."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LabelSpace:
    """Class names of one task or of several; positions count one task after the other.

    Args:
        classes (Mapping[str, Sequence[str]]): class names of every task, in label order.

    Raises:
        ValueError: a task names a class twice.
    """

    classes: Mapping[str, Sequence[str]]

    def __post_init__(self):
        classes = {task: list(names) for task, names in self.classes.items()}
        for task, names in classes.items():
            if len(set(names)) < len(names):
                raise ValueError(f'task {task!r} names a class twice: {names}')
        object.__setattr__(self, 'classes', classes)

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks."""
        return list(self.classes)

    @property
    def num_classes(self) -> int:
        """N, over all tasks."""
        return sum(map(len, self.classes.values()))

    @property
    def names(self) -> list[str]:
        """Names of all classes by position; of several tasks each as ``task/class``."""
        if len(self.classes) == 1:
            return list(next(iter(self.classes.values())))
        return [f'{task}/{name}' for task, names in self.classes.items() for name in names]

    def range_of(self, task: str) -> range:
        """Get the positions of the classes of a task.

        Raises:
            KeyError: there is no such task.
        """
        start = 0
        for name, classes in self.classes.items():
            if name == task:
                return range(start, start + len(classes))
            start += len(classes)
        raise KeyError(f'no task {task!r}, there are {self.tasks}')

    def subset(self, tasks: Iterable[str]) -> 'LabelSpace':
        """Select some of the tasks, in their order."""
        return LabelSpace({task: self.classes[task] for task in tasks})

    def encode(self, names: Iterable[str], task: str) -> Tensor:
        """Encode classes of a task by their names as positions, int64.

        Raises:
            KeyError: there is no such task.
            ValueError: the task has no such class.
        """
        own, start = self.classes[task], self.range_of(task).start
        return torch.tensor([start + own.index(name) for name in names], dtype=torch.int64)

    def restrict(self, logits: Tensor, task: str) -> Tensor:
        """Restrict logits (..., N) to a task's classes: those of others are impossible."""
        positions = self.range_of(task)
        return logits[..., positions.start : positions.stop]

    def check_queries(self, queries: 'LabelSpace') -> None:
        """Check that the tasks of the queries have the same classes here, in the same order.

        Raises:
            ValueError: they do not.
        """
        for task, names in queries.classes.items():
            if self.classes.get(task) != names:
                raise ValueError(
                    f'task {task!r} has the classes {names} in the query set, but '
                    f'{self.classes.get(task)} in the support set or the checkpoint; set both '
                    'datasets to the same data and class names'
                )


def usual_spellings(names: Iterable[str]) -> dict[str, str]:
    """Find class names that are another one but for case, blanks or Unicode form.

    Args:
        names (Iterable[str]): the class of every instance.

    Returns:
        dict[str, str]: of every such name the spelling that most instances have, of equally many
        the first in the alphabet; those themselves are left out.
    """
    groups: dict[str, Counter[str]] = {}
    for name in names:
        key = ' '.join(unicodedata.normalize('NFKC', name).casefold().split())
        groups.setdefault(key, Counter())[name] += 1
    usual = {}
    for spellings in groups.values():
        most = min(spellings, key=lambda name: (-spellings[name], name))
        usual.update({name: most for name in spellings if name != most})
    return usual
