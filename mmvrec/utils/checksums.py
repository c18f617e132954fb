"""Checksums of tensors, by which damage to a file is noticed."""

import hashlib

import torch
from torch import Tensor


def tensor_sha256(tensor: Tensor) -> str:
    """Hash type, shape and values of a tensor (SHA-256), hexadecimal."""
    digest = hashlib.sha256(f'{tensor.dtype} {tuple(tensor.shape)}'.encode())
    digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
