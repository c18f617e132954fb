"""An extraction that is killed at a chosen moment, importable by the process that runs it."""

import os
import signal
from pathlib import Path

import torch
from engine_parts import loader, small_model, synthetic_dataset

from mmvrec.fewshot import feature_shards
from mmvrec.fewshot.extraction import build_bank
from mmvrec.registry import DATASETS


def extract_killed(cache_dir: str, moment: str, number: int) -> None:
    """Embed six instances, a shard for each, and die at the given moment for the n-th time."""
    torch.set_num_threads(1)
    feature_shards._SHARD_BYTES = 1
    calls = []

    def kills(real):
        def call(*args):
            calls.append(args)
            if len(calls) == number:
                if moment == 'half':
                    args[1].write_bytes(b'half')
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args)

        return call

    if moment == 'half':  # In the midst of a shard's bytes.
        feature_shards.save_file = kills(feature_shards.save_file)
    else:  # Before a file, shard, index or bank, gets its name.
        Path.replace = kills(Path.replace)
    dataset = DATASETS.build(synthetic_dataset())
    build_bank(small_model(), loader(dataset, batch_size=1), cache_dir)
