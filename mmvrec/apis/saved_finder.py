"""A finder in the file of a saved model: a few vectors and numbers."""

from dataclasses import asdict, fields

import numpy as np
import torch
from torch import Tensor

from mmvrec.finding.linear_score import LinearScore
from mmvrec.finding.trained_finder import FinderState, LeftOutCounts, TrainedPatchFinder

#: Tensors of a finder, all float32 and of one axis; the last entry of a score is its bias.
_TENSORS = ('finder_patches', 'finder_regions', 'finder_levels')
#: Numbers of a finder, and the range of each.
_NUMBERS = {
    'max_side': (64, 2**16),
    'target': (0, 1e6),
    'threshold': (-1e9, 1e9),
}
#: Counts of a finder.
_COUNTS = tuple(field.name for field in fields(LeftOutCounts))
#: What is known of a region beside two features of patches.
_OF_REGION = 14


def finder_content(finder: TrainedPatchFinder | None) -> tuple[dict | None, dict[str, Tensor]]:
    """Take apart a fitted finder for a file: numbers for the metadata, and tensors by name."""
    if finder is None:
        return None, {}
    state = finder.state
    numbers = {
        'max_side': finder.max_side,
        'target': finder.false_alarms,
        'threshold': state.threshold,
        **asdict(state.left_out),
        'weights_digest': finder.backbone.weights_digest(),
    }
    vectors = (_vector(state.patches), _vector(state.regions), state.levels)
    return numbers, {
        name: torch.from_numpy(np.ascontiguousarray(vector, np.float32))
        for name, vector in zip(_TENSORS, vectors, strict=True)
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
    if info is None and not any(one is not None for one in vectors):
        return None
    if not isinstance(info, dict) or any(
        one is None or one.ndim != 1 or one.dtype != torch.float32 for one in vectors
    ):
        raise ValueError('its finder lacks numbers or vectors, or they are of another kind')
    for name, (low, high) in _NUMBERS.items():
        value = info.get(name)
        if type(value) not in (int, float) or not low <= value <= high:
            raise ValueError(f'{name} of its finder is {str(value)[:20]}, not in {low} to {high}')
    if any(type(info.get(name)) is not int or info[name] < 0 for name in _COUNTS):
        raise ValueError(f'{_COUNTS} of its finder must be counts')
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
        LinearScore(patches[:-1], float(patches[-1])),
        levels,
        LinearScore(regions[:-1], float(regions[-1])),
        info['threshold'],
        LeftOutCounts(*(info[name] for name in _COUNTS)),
    )
    return finder
