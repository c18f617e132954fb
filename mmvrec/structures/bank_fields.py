"""The arrays of a bank's file, checked: what a :class:`FeatureBank` is made of."""

import numpy as np
import torch

#: Task of instances whose file names none.
DEFAULT_TASK = 'default'


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
