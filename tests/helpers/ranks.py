"""Functions run by several processes of one group, as torchrun starts them."""

import os
from collections.abc import Callable
from multiprocessing.managers import SyncManager
from pathlib import Path

import torch
import torch.distributed as torch_dist
from forks import FORKS


def run_ranks(work: Callable, world: int, folder: Path, *arguments: object) -> list:
    """What ``work(*arguments)`` returns in every one of ``world`` processes, by rank."""
    rendezvous = folder / f'rendezvous{world}'
    with SyncManager(ctx=FORKS) as manager:
        answers = manager.dict()
        processes = [
            FORKS.Process(target=_run, args=(rank, world, rendezvous, answers, work, arguments))
            for rank in range(world)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        rendezvous.unlink(missing_ok=True)
        assert [process.exitcode for process in processes] == [0] * world
        return [answers[rank] for rank in range(world)]


def _run(rank: int, world: int, rendezvous: Path, answers, work: Callable, arguments) -> None:
    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)
    torch_dist.init_process_group(
        'gloo', init_method=f'file://{rendezvous}', rank=rank, world_size=world
    )
    answers[rank] = work(*arguments)
    torch_dist.destroy_process_group()
