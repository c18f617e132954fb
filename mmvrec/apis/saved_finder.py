"""A finder in the file of a saved model: a few vectors and numbers."""

from dataclasses import asdict, fields

import numpy as np
import torch
from torch import Tensor

from mmvrec.finding import TrainedPatchFinder
from mmvrec.finding.finder_state import FinderState, LeftOutCounts, SecondStage
from mmvrec.finding.linear_score import LinearScore

#: Tensors of a finder, all float32 and of one axis; the last entry of a score is its bias.
_TENSORS = ('finder_patches', 'finder_regions', 'finder_levels')
#: That of its second stage, where there is one: a score of two features.
_SECOND = 'finder_second'
#: Numbers of a finder, and the range of each.
_NUMBERS = {
    'max_side': (64, 2**16),
    'target': (0, 1e6),
    'threshold': (-1e9, 1e9),
    'candidates': (-1e9, 1e9),
}
#: Counts of a finder.
_COUNTS = tuple(field.name for field in fields(LeftOutCounts))
#: What is known of a region beside two features of patches.
_OF_REGION = 14
#: Characters of a date.
_MAX_DATE = 40


def finder_content(finder: TrainedPatchFinder | None) -> tuple[dict | None, dict[str, Tensor]]:
    """Take apart a fitted finder for a file: numbers for the metadata, and tensors by name."""
    if finder is None:
        return None, {}
    state = finder.state
    numbers = {
        'max_side': finder.max_side,
        'target': finder.false_alarms,
        'threshold': state.threshold,
        'candidates': state.candidates,
        'date': state.date,
        **asdict(state.left_out),
        'weights_digest': finder.backbone.weights_digest(),
    }
    vectors = [_vector(state.patches), _vector(state.regions), state.levels]
    vectors = dict(zip(_TENSORS, vectors, strict=True))
    if finder.second is not None:
        numbers['second'] = {
            'threshold': finder.second.threshold,
            **asdict(finder.second.left_out),
        }
        vectors[_SECOND] = _vector(finder.second.score)
    return numbers, {
        name: torch.from_numpy(np.ascontiguousarray(vector, np.float32))
        for name, vector in vectors.items()
    }


def _vector(score: LinearScore) -> np.ndarray:
    return np.append(score.weight, np.float32(score.bias))


def read_finder(info: object, tensors: dict[str, Tensor]) -> TrainedPatchFinder | None:
    """Put together what :func:`finder_content` has taken apart.

    Args:
        info (object): the numbers, as the metadata have them; None where there is no finder.
        tensors (dict[str, Tensor]): of the file, finite; those of the finder are taken out.

    Returns:
        TrainedPatchFinder | None: fitted.

    Raises:
        FileNotFoundError: the weights of its network are not installed.
        ValueError: something is missing, of another kind, or out of range; or the weights are
            others than those that it was made with.
    """
    vectors = [tensors.pop(name, None) for name in _TENSORS]
    second = tensors.pop(_SECOND, None)
    if info is None and not any(one is not None for one in (*vectors, second)):
        return None
    if not isinstance(info, dict) or any(
        one is None or one.ndim != 1 or one.dtype != torch.float32 for one in vectors
    ):
        raise ValueError('its finder lacks numbers or vectors, or they are of another kind')
    # Finders of earlier releases have no second stage, and do not tell when they learnt.
    info = {'candidates': info.get('threshold'), 'date': '', **info}
    _check_numbers(info, _NUMBERS)
    if not isinstance(info['date'], str) or len(info['date']) > _MAX_DATE:
        raise ValueError('the date of its finder is none')
    patches, regions, levels = (one.numpy() for one in vectors)
    finder = TrainedPatchFinder(info['target'], int(info['max_side']))
    channels = len(patches) - 1
    if len(regions) - 1 != 2 * channels + _OF_REGION or not 1 <= len(levels) <= 64:
        raise ValueError('the vectors of its finder differ in length')
    if (np.diff(levels) < 0).any():
        raise ValueError('the levels of its finder are not in order')
    if finder.backbone.weights_digest() != info.get('weights_digest'):
        raise ValueError('its finder was made with other weights than those that are installed')
    finder.state = FinderState(
        _score(patches),
        levels,
        _score(regions),
        info['threshold'],
        info['candidates'],
        _counts(info),
        info['date'],
    )
    finder.second = _read_second(info.get('second'), second)
    return finder


def _read_second(info: object, vector: Tensor | None) -> SecondStage | None:
    if info is None and vector is None:
        return None
    fits = vector is not None and vector.shape == (3,) and vector.dtype == torch.float32
    if not isinstance(info, dict) or not fits:
        raise ValueError('the second stage of its finder lacks numbers, or three coefficients')
    _check_numbers(info, {'threshold': _NUMBERS['threshold']})
    return SecondStage(_score(vector.numpy()), info['threshold'], _counts(info))


def _check_numbers(info: dict, ranges: dict[str, tuple[float, float]]) -> None:
    """See that numbers are in their ranges, and that all counts are there."""
    for name, (low, high) in ranges.items():
        value = info.get(name)
        if type(value) not in (int, float) or not low <= value <= high:
            raise ValueError(f'{name} of its finder is {str(value)[:20]}, not in {low} to {high}')
    if any(type(info.get(name)) is not int or info[name] < 0 for name in _COUNTS):
        raise ValueError(f'{_COUNTS} of its finder must be counts')


def _score(vector: np.ndarray) -> LinearScore:
    return LinearScore(vector[:-1], float(vector[-1]))


def _counts(info: dict) -> LeftOutCounts:
    return LeftOutCounts(*(info[name] for name in _COUNTS))
