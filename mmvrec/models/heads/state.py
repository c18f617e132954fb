"""What heads that are not trained keep."""

import torch
from torch import nn


def frozen(*shape: int) -> nn.Parameter:
    """Create zeros that a head fills when it is fitted and a checkpoint carries.

    Parameters rather than buffers: MMEngine builds an optimizer for every training, also for one
    that only fits, and torch refuses to build it for a model without any parameter.
    """
    return nn.Parameter(torch.zeros(shape), requires_grad=False)
