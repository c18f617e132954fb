"""What a process takes of the CPU: cores for its workers and threads, and memory that it keeps."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

#: Parameters of glibc's ``mallopt``.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
#: Blocks up to this size are taken from the heap, and so much of it is kept at its end, bytes.
_KEPT = 2**30


def available_cores() -> int:
    """Count the cores that are this process's own: those it may run on, shared with its group."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # Not on Windows and macOS.
        cores = os.cpu_count() or 1
    # What torchrun says of the processes on this machine.
    return max(1, cores // max(1, int(os.environ.get('LOCAL_WORLD_SIZE', '1'))))


def share_cores(workers: int, threads: int, cores: int) -> tuple[int, int]:
    """Share cores out, so that workers and threads together are no more than there are.

    More than that wait for each other: threads of a matrix product spin until the last is done,
    and the last is the one whose core a worker has.

    Args:
        workers (int): processes that are wanted to prepare data, 0 or more.
        threads (int): threads that are wanted to compute, 1 or more.
        cores (int): that there are, 1 or more.

    Returns:
        tuple[int, int]: workers, 0 or more, and threads, 1 or more.
    """
    workers = min(workers, cores - 1)
    return workers, min(threads, cores - workers)


@contextmanager
def computing_threads(number: int) -> Iterator[None]:
    """Compute with so many threads of torch while the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def keep_freed_memory() -> bool:
    """Keep memory that is freed for what is allocated next, on Linux with glibc.

    By default large blocks are mapped anew at every allocation, and the kernel clears every page
    of them: activations of a network, which come and go at the same sizes, cost a fifth of the time
    so. Environment variables would do the same (``MALLOC_MMAP_THRESHOLD_``,
    ``MALLOC_TRIM_THRESHOLD_``), but must be set before the process starts. It holds for the rest of
    the process, which keeps up to 1 GiB of what it had at most.

    Returns:
        bool: whether the system can.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # Another C library, or Windows.
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _KEPT) and mallopt(_TRIM_THRESHOLD, _KEPT))
