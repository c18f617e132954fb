"""The exported file: read, checked and written."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmvrec_runtime.files import atomic_write
from mmvrec_runtime.shared.early_exit import exit_steps, view_order
from mmvrec_runtime.shared.enrolled_data import EnrolledData
from mmvrec_runtime.shared.instance_facts import InstanceFacts
from mmvrec_runtime.shared.onnx_file import Exported, read_exported, write_exported
from mmvrec_runtime.shared.scoring import FORMS, VIEW_MERGING, head_logits, typicality
from mmvrec_runtime.shared.sessions import ENGINES, PRECISIONS
from mmvrec_runtime.shared.verdicts import HeldOutAnswer

#: Entries of the metadata, and their types.
_INFO = {
    'task': str,
    'classes': list,
    'labels': list,
    'ids': list,
    'temperature': float | int,
    'threshold': float | int | None,
    'quantile': float | int,
    'head': dict,
    'views': dict,
    'weights': dict,
    'engine': str,
    'precision': str,
    'made_by': str,
}
_NAMES = ('classes', 'labels', 'ids')
#: Arrays of a head by its form, with their number of dimensions.
_ARRAYS = {'linear': {'weight': 3, 'bias': 2}, 'attention': {'keys': 2, 'values': 2}}
#: Most views of an instance, and their greatest side, pixels.
_MAX_VIEWS, _MAX_SIDE = 4096, 4096


@dataclass(frozen=True)
class ExportedModel:
    """What an exported file holds beside its graph, checked.

    Args:
        info (dict): names and settings.
        arrays (dict[str, np.ndarray]): of the head, and ``support_feats`` (M, V, C) where the
            support is known.
    """

    info: dict
    arrays: dict[str, np.ndarray]

    @property
    def held_out(self) -> list[HeldOutAnswer]:
        """Answers to support instances by heads that had not seen them; files may have none."""
        return [HeldOutAnswer(**answer) for answer in self.info.get('held_out', ())]

    @property
    def facts(self) -> list[InstanceFacts | None]:
        """What else is known of every support instance."""
        facts = self.info.get('facts') or [None] * len(self.info['ids'])
        return [None if own is None else InstanceFacts(**own) for own in facts]

    @property
    def images(self) -> list[str]:
        """Path or name of the image of every support instance."""
        return [
            re.sub(r'(.)[@#][^@#/]*$', r'\1', identity) if own is None else own.image
            for own, identity in zip(self.facts, self.info['ids'], strict=True)
        ]


def read_model(path: str | Path) -> ExportedModel:
    """Read an exported file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no exported classifier, damaged, or of another version.
    """
    model = ExportedModel(*read_exported(path))
    try:
        problem = _info_problem(model.info) or _array_problem(model)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        problem = f'its metadata cannot be used: {error!r}'
    if problem:
        raise ValueError(f'{path} is damaged: {problem}')
    return model


def write_model(graph: str | Path, path: str | Path, model: ExportedModel) -> None:
    """Write the graph of one exported file with other metadata, whole or not at all.

    Args:
        graph (str | Path): the file that has the graph.
        path (str | Path): the file to write, perhaps the same.
        model (ExportedModel): the metadata.
    """
    with atomic_write(path) as temporary:
        write_exported(graph, temporary, Exported(model.info, model.arrays))


def _info_problem(info: dict) -> str | None:
    wrong = sorted(key for key, kind in _INFO.items() if not isinstance(info.get(key), kind))
    if wrong:
        return f'its metadata lacks {wrong}, or has them of the wrong type'
    if not all(isinstance(name, str) for key in _NAMES for name in info[key]):
        return f'{list(_NAMES)} are not all strings'
    classes, labels, head = info['classes'], info['labels'], info['head']
    problems = {
        'it has fewer than two classes, or one twice': len(set(classes)) < max(2, len(classes)),
        'labels and ids of its support do not fit': len(labels) != len(info['ids'])
        or not set(labels) <= set(classes),
        'it names no known engine and precision': info['engine'] not in ENGINES
        or info['precision'] not in PRECISIONS,
        'its temperature is not positive': not 0 < info['temperature'] < math.inf,
        'its head is of no known form': head['form'] not in FORMS
        or head['merge_views'] not in VIEW_MERGING,
    }
    problem = next((message for message, is_so in problems.items() if is_so), None)
    return problem or _view_problem(info['views'])


def _view_problem(views: dict) -> str | None:
    parts = [views[key] for key in ('scales', 'offsets', 'offsets', 'rotations', 'flips')]
    number = math.prod(map(len, parts))
    side, divisor = views['img_size'], views['offset_divisor']
    if not all(isinstance(n, int) and n > 0 for n in (number, side, divisor)):
        return 'its views have no number or side'
    if number > _MAX_VIEWS or side > _MAX_SIDE:
        return f'it has {number} views of {side} pixels'
    if any(angle % 90 for angle in views['rotations']):
        return 'its views are turned by other angles than multiples of 90'
    bits = views['bit_depth']
    return None if bits is None or bits in range(9, 17) else 'its bit depth is not 9 to 16'


def _array_problem(model: ExportedModel) -> str | None:
    arrays, head = model.arrays, model.info['head']
    needed = _ARRAYS[head['form']]
    wrong = sorted(
        name for name, dims in needed.items() if getattr(arrays.get(name), 'ndim', 0) != dims
    )
    if wrong:
        return f'its head lacks the arrays {wrong}'
    last = arrays['bias'] if head['form'] == 'linear' else arrays['values']
    if last.shape[-1] != len(model.info['classes']):
        return 'its head has another number of classes'
    EnrolledData.of(model.facts)
    if len(model.facts) != len(model.info['ids']) or not all(
        isinstance(answer.score, float | int) for answer in model.held_out
    ):
        return 'what it says of its support does not fit'
    support = arrays.get('support_feats')
    if support is not None and support.shape[:1] != (len(model.info['ids']),):
        return 'its support features differ in number from its ids'
    views = len(view_order(model.info['views']))
    early_exit = model.info.get('early_exit')
    if early_exit is not None:
        numbers = [early_exit['margin'], *early_exit['thresholds']]
        are_numbers = all(isinstance(number, float | int) for number in numbers)
        if not are_numbers or len(numbers) != 1 + len(exit_steps(views)):
            return 'its early exit has no margin and thresholds'
    # An instance of no features, to see that all fits together.
    nothing = np.zeros((1, views, _channels(arrays)))
    with np.errstate(all='ignore'):
        scores = head_logits(nothing, head, arrays)
        typicality(nothing, head, arrays)
    return None if np.isfinite(scores).all() else 'its head gives no numbers'


def _channels(arrays: dict[str, np.ndarray]) -> int:
    return (arrays['weight'] if 'weight' in arrays else arrays['keys']).shape[-1]
