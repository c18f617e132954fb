"""Text features from a file, made once with the text tower or elsewhere."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.registry import MODELS
from mmvrec.structures import Provenance
from mmvrec.utils.array_files import read_npz
from mmvrec.utils.files import atomic_write

#: Written by numpy as one string per class: "task<TAB>class", as in feature banks.
_SEPARATOR = '\t'


@MODELS.register_module()
class StoredText:
    """Text features of classes from an npz file, so that no text tower is needed.

    Args:
        ann_file (str): npz, read on first use, with ``text_feats`` (any float type, (T, C)) and
            ``class_names`` (strings, (T,): ``class``, or ``task<TAB>class`` where only that task is
            meant); optional ``source``, which says where they come from.
            ``tools/misc/embed_texts.py`` writes one.
    """

    def __init__(self, ann_file: str):
        self.ann_file = ann_file

    @cached_property
    def _content(self) -> tuple[dict[str, Tensor], Provenance]:
        return _read(self.ann_file)

    @property
    def provenance(self) -> Provenance:
        """Where the features come from."""
        return self._content[1]

    def __call__(self, task: str, class_names: Sequence[str]) -> Tensor:
        """Text features of the classes of a task.

        Args:
            task (str): name of the task.
            class_names (Sequence[str]): in label order.

        Returns:
            Tensor: float32, (N, C), rows of length 1.

        Raises:
            FileNotFoundError: there is no such file, or none is named.
            ValueError: the file is damaged, or a field is missing or has the wrong shape.
            KeyError: the file has no feature for a class.
        """
        known = self._content[0]
        names = [self._name(task, name) for name in class_names]
        missing = [c for c, name in zip(class_names, names, strict=True) if name is None]
        if missing:
            raise KeyError(
                f'{self.ann_file} has no text feature for the classes {missing} of task {task!r}; '
                f'it has {[n.replace(_SEPARATOR, "/") for n in list(known)[:6]]}'
            )
        return F.normalize(torch.stack([known[name] for name in names]), dim=-1)

    def _name(self, task: str, label: str) -> str | None:
        return next((n for n in (task + _SEPARATOR + label, label) if n in self._content[0]), None)


def _read(ann_file: str) -> tuple[dict[str, Tensor], Provenance]:
    path = Path(ann_file)
    if not path.is_file():
        raise FileNotFoundError(
            f'no text features at {ann_file!r}; set model.text.ann_file to an npz file that '
            'tools/misc/embed_texts.py has written'
        )
    data = read_npz(path, ('text_feats', 'class_names'))
    feats, names = data['text_feats'], data['class_names']
    if feats.ndim != 2 or names.shape != feats.shape[:1] or feats.dtype.kind != 'f':
        raise ValueError(
            f'{path}: text_feats must be float of shape (T, C) and class_names of shape (T,), got '
            f'{feats.dtype} {feats.shape} and {names.shape}'
        )
    if not np.isfinite(feats).all() or not feats.any(1).all():
        raise ValueError(f'{path}: text_feats have rows that are zero, NaN or infinite')
    keys = [str(name) for name in names]
    repeated = sorted(key for key, number in Counter(keys).items() if number > 1)
    if repeated:
        raise ValueError(f'{path}: class names must be unique, repeated: {repeated[:5]}')
    tensors = torch.from_numpy(feats.astype(np.float32))
    source = str(data['source']) if 'source' in data else path.name
    # Files of version 0.1 have no field of their own for it.
    is_random = bool(data.get('is_random', source.startswith('random')))
    return dict(zip(keys, tensors, strict=True)), Provenance(source, is_random=is_random)


def save_text_feats(
    path: str | Path,
    feats: Mapping[str, Tensor],
    task_classes: Mapping[str, Sequence[str]],
    provenance: Provenance,
) -> None:
    """Write text features for :class:`StoredText`.

    Args:
        path (str | Path): the npz file to write.
        feats (Mapping[str, Tensor]): of every task, (N, C).
        task_classes (Mapping): class names of every task, in label order.
        provenance (Provenance): where the features come from.
    """
    names = [task + _SEPARATOR + label for task in feats for label in task_classes[task]]
    with atomic_write(path) as temporary, temporary.open('wb') as file:
        np.savez(
            file,
            text_feats=torch.cat(list(feats.values())).numpy(),
            class_names=np.array(names),
            source=np.array(str(provenance)),
            is_random=np.array(provenance.is_random),
        )
