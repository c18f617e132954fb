"""Numbers of other libraries as arrays."""

import numpy as np
import torch


def as_array(values: object) -> np.ndarray:
    """Convert numbers, tensors of any device and type, or lists of these to an array."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        try:
            return values.numpy()
        except TypeError:
            # NumPy does not have bfloat16 and the floats of 8 bits.
            return values.float().numpy()
    if isinstance(values, list | tuple) and any(isinstance(v, torch.Tensor) for v in values):
        values = [as_array(value) for value in values]
    return np.asarray(values)
