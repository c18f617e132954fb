"""The classes of several tasks, told apart by one head."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence


def class_range(task_classes: Mapping[str, Sequence[str]], task: str) -> range:
    """Positions of a task's classes among those of all tasks, one task after the other.

    Args:
        task_classes (Mapping): class names of every task, in label order.
        task (str): one of them.

    Returns:
        range: as long as the task has classes.

    Raises:
        KeyError: there is no such task.
    """
    start = 0
    for name, classes in task_classes.items():
        if name == task:
            return range(start, start + len(classes))
        start += len(classes)
    raise KeyError(f'no task {task!r}, there are {list(task_classes)}')


def joint_class_names(task_classes: Mapping[str, Sequence[str]]) -> list[str]:
    """Names of the classes of all tasks; of several tasks each as ``task/class``."""
    if len(task_classes) == 1:
        return list(next(iter(task_classes.values())))
    return [f'{task}/{name}' for task, names in task_classes.items() for name in names]


def usual_spellings(names: Iterable[str]) -> dict[str, str]:
    """Class names that are another one but for case, blanks or Unicode form.

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
