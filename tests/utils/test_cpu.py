import os
import resource
import sys

import pytest
import torch

from mmvrec.utils import cpu
from mmvrec.utils.cpu import available_cores, computing_threads, keep_freed_memory, share_cores


@pytest.mark.parametrize(
    ('workers', 'threads', 'cores', 'expected'),
    [
        (0, 2, 2, (0, 2)),
        (2, 2, 2, (1, 1)),
        (2, 1, 2, (1, 1)),
        (2, 8, 8, (2, 6)),
        (2, 1, 8, (2, 1)),
        (16, 8, 8, (7, 1)),
        (0, 8, 2, (0, 2)),
        (4, 4, 1, (0, 1)),
    ],
)
def test_cores_are_shared_by_hand(workers, threads, cores, expected):
    assert share_cores(workers, threads, cores) == expected


def test_workers_and_threads_never_exceed_the_cores():
    for cores in range(1, 9):
        for wanted in range(12):
            for threads in range(1, 12):
                own_workers, own_threads = share_cores(wanted, threads, cores)
                assert own_workers + own_threads <= cores
                assert 0 <= own_workers <= wanted
                assert 1 <= own_threads <= threads


def test_processes_of_a_group_share_the_cores(monkeypatch):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: set(range(6)), raising=False)
    monkeypatch.delenv('LOCAL_WORLD_SIZE', raising=False)
    assert available_cores() == 6
    for size, expected in {'1': 6, '2': 3, '4': 1, '8': 1}.items():
        monkeypatch.setenv('LOCAL_WORLD_SIZE', size)
        assert available_cores() == expected


def test_cores_where_the_system_tells_only_how_many_there_are(monkeypatch):
    monkeypatch.delattr(os, 'sched_getaffinity', raising=False)
    monkeypatch.delenv('LOCAL_WORLD_SIZE', raising=False)
    for number, expected in {3: 3, None: 1}.items():
        monkeypatch.setattr(os, 'cpu_count', lambda number=number: number)
        assert available_cores() == expected


def test_threads_are_given_back(monkeypatch):
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError, match='in the block'), computing_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise RuntimeError('in the block')
    assert torch.get_num_threads() == before


def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


@pytest.mark.skipif(sys.platform != 'linux', reason='of glibc')
def test_memory_that_is_freed_is_not_mapped_anew():
    if not keep_freed_memory():
        pytest.skip('another C library')
    sizes = [2**power for power in (23, 24, 25, 26) for _ in range(5)]
    before = faults()
    for size in sizes:
        torch.empty(size, dtype=torch.uint8).zero_()
    # By default each is mapped anew, nine tenths of all pages; the heap has to grow for the first
    # of a size.
    assert faults() - before < sum(sizes) // resource.getpagesize() // 2


@pytest.mark.parametrize('broken', [AttributeError, OSError, TypeError])
def test_systems_without_it_go_on(monkeypatch, broken):
    def missing(name):
        raise broken('no mallopt')

    monkeypatch.setattr(cpu.ctypes, 'CDLL', missing)
    assert keep_freed_memory.__wrapped__() is False
