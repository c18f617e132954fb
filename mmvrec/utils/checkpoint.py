"""Loading the checkpoints of MMEngine's Runner under ``torch.load(weights_only=True)``.

PyTorch 2.6 and later refuse every pickled class that is not allow-listed, and MMEngine's message
hub pickles a few of its own. Exactly those are allowed here; the check itself stays on.
"""

import importlib

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

_HISTORY_METHODS = frozenset({'min', 'max', 'mean', 'current'})
_ANNEALING_METHODS = frozenset({'_annealing_cos', '_annealing_linear'})


def _method_of(owner: type, name: str):
    """Stand-in for ``builtins.getattr`` in a checkpoint.

    HistoryBuffer pickles its statistics methods, OneCycleLR its annealing functions, as calls of
    ``getattr``. These are answered; the real ``getattr`` would let a file reach anything.
    """
    if owner is HistoryBuffer and name in _HISTORY_METHODS:
        return getattr(HistoryBuffer, name)
    if owner is OneCycleParamScheduler and name in _ANNEALING_METHODS:
        return getattr(OneCycleParamScheduler, name)
    raise ValueError(
        f'the checkpoint asks for attribute {name!r} of {owner!r}, which no checkpoint of '
        "MMEngine's Runner needs; do not load it"
    )


def _numpy_globals() -> list:
    """NumPy's pickle helpers under the names that NumPy 1 and NumPy 2 write."""
    core = 'numpy._core' if np.lib.NumpyVersion(np.__version__) >= '2.0.0' else 'numpy.core'
    multiarray = importlib.import_module(f'{core}.multiarray')
    entries: list = [np.ndarray, np.dtype, type(np.dtype('float64')), type(np.dtype('int64'))]
    for module in ('numpy._core.multiarray', 'numpy.core.multiarray'):
        for name in ('_reconstruct', 'scalar'):
            entries.append((getattr(multiarray, name), f'{module}.{name}'))
    return entries


def allow_mmengine_globals() -> None:
    """Allow-list what a checkpoint of MMEngine's Runner needs; nothing before PyTorch 2.6."""
    if tuple(int(n) for n in torch.__version__.split('.')[:2]) < (2, 6):
        return
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            OneCycleParamScheduler,
            (_method_of, 'builtins.getattr'),
            *_numpy_globals(),
        ]
    )
