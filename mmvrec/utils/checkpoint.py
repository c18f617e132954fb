"""Loading the checkpoints of MMEngine's Runner under ``torch.load(weights_only=True)``.

PyTorch 2.6 and later refuse every pickled class that is not allow-listed, and MMEngine's message
hub pickles a few of its own. Exactly those are allowed here; the check itself stays on.
"""

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

from mmvrec.utils.pickled_arrays import PickledDType, array_of

_HISTORY_METHODS = frozenset({'min', 'max', 'mean', 'current'})
_ANNEALING_METHODS = frozenset({'_annealing_cos', '_annealing_linear'})


def allowed_method(owner: type, name: str):
    """Answer for ``builtins.getattr`` in a checkpoint.

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


class CheckpointArray(np.ndarray):
    """Stands for NumPy's arrays in a checkpoint.

    NumPy itself takes the flags of a type from a file, and then numbers for addresses of objects.
    """

    def __new__(cls, *_: object):
        """An empty array: what is in it follows."""
        return super().__new__(cls, (0,))

    def __setstate__(self, state: tuple) -> None:
        """Take the values, after they have been checked.

        Raises:
            ValueError: type, shape and values do not fit together.
        """
        _, shape, dtype, is_fortran, content = state
        array_of(content, dtype, shape, 'C')
        super().__setstate__((1, shape, dtype.value, bool(is_fortran), bytes(content)))

    def __reduce__(self):
        """Be saved as any other array."""
        return self.view(np.ndarray).__reduce__()


def _scalar(dtype: PickledDType, content: bytes) -> np.generic:
    return array_of(content, dtype, (), 'C')[()]


def allow_mmengine_globals() -> None:
    """Allow-list what a checkpoint of MMEngine's Runner needs; nothing before PyTorch 2.6."""
    if tuple(int(n) for n in torch.__version__.split('.')[:2]) < (2, 6):
        return
    allowed = [
        HistoryBuffer,
        OneCycleParamScheduler,
        (allowed_method, 'builtins.getattr'),
        (CheckpointArray, 'numpy.ndarray'),
        (PickledDType, 'numpy.dtype'),
    ]
    # The names of NumPy's own helpers as NumPy 2 and NumPy 1 write them.
    for module in ('numpy._core.multiarray', 'numpy.core.multiarray'):
        allowed.append((CheckpointArray, f'{module}._reconstruct'))
        allowed.append((_scalar, f'{module}.scalar'))
    torch.serialization.add_safe_globals(allowed)
