"""What the processes of one group do, importable by them."""

import hashlib
from pathlib import Path

import torch
from engine_parts import loader, small_model, synthetic_dataset

from mmvrec.fewshot.extraction import build_bank
from mmvrec.registry import DATASETS


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def embed(cache_dir, apart=False, dtype='float32') -> tuple[str, int, bool]:
    """Digest of the bank, batches that this process has embedded, whether it is a mapped file.

    With ``apart`` no process sees the files of another.
    """
    if apart:
        cache_dir = f'{cache_dir}{torch.distributed.get_rank()}'
    model, batches = small_model(), []
    real = model.extract_feat
    model.extract_feat = lambda *args: batches.append(1) or real(*args)
    dataset = DATASETS.build(synthetic_dataset())
    bank = build_bank(model, loader(dataset, batch_size=1), cache_dir, cache_dtype=dtype)
    maps = Path('/proc/self/maps').read_text() if Path('/proc/self/maps').exists() else ''
    return sha256(bank.feats.numpy().tobytes()), len(batches), '.safetensors' in maps


def unequal(cache_dir) -> str:
    """What is said where each process has an order of its own."""
    dataset = DATASETS.build(synthetic_dataset())
    shuffled = torch.utils.data.DataLoader(
        dataset,
        sampler=[*range(6)] if torch.distributed.get_rank() == 0 else [*range(5, -1, -1)],
        collate_fn=loader(dataset).collate_fn,
    )
    try:
        build_bank(small_model(), shuffled, cache_dir)
    except ValueError as error:
        return str(error)
    return 'nothing'
