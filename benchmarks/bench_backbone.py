"""Embed one instance (27 views) on the CPU, against the machine's matmul.

    python benchmarks/bench_backbone.py --arch vit-l/14 --batch 9 [--precision fp32 bf16]
        [--keep-freed]

With random weights, in one run and with the same number of threads, for every precision in turns:
seconds for one instance; the floating point rate as a fraction of that of a large matrix product in
the same precision, measured right before and after each repetition; page faults, and the share of
the process's time that the kernel took, most of it for these. ``--keep-freed`` keeps freed memory,
as extraction does on Linux. Then the peak memory of the process and, of every precision, the
relative error of the features against float32.
"""

import argparse
import resource
import statistics
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mmvrec.models import MVRECClassifier
from mmvrec.utils.cpu import keep_freed_memory

NUM_VIEWS = 27
MATRIX = 4096
DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16}


@dataclass
class Runs:
    """What the repetitions of one precision took."""

    model: MVRECClassifier
    seconds: list[float] = field(default_factory=list)
    fractions: list[float] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    kernel: list[float] = field(default_factory=list)


def matmul_rate(dtype: torch.dtype) -> float:
    """Floating point operations per second of a 4096 x 4096 matrix product."""
    a, b = (torch.randn(MATRIX, MATRIX).to(dtype) for _ in range(2))
    start = time.perf_counter()
    a @ b
    return 2 * MATRIX**3 / (time.perf_counter() - start)


def repeat(runs: Runs, inputs: Tensor, operations: int, dtype: torch.dtype) -> None:
    """Embed once more."""
    peak = matmul_rate(dtype)
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    runs.model(inputs)
    runs.seconds.append(time.perf_counter() - start)
    after = resource.getrusage(resource.RUSAGE_SELF)
    peak = (peak + matmul_rate(dtype)) / 2
    runs.fractions.append(operations / runs.seconds[-1] / peak)
    runs.faults.append(after.ru_minflt - before.ru_minflt)
    system, user = after.ru_stime - before.ru_stime, after.ru_utime - before.ru_utime
    runs.kernel.append(system / (system + user))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--arch', default='vit-l/14')
    parser.add_argument('--batch', type=int, default=9, help='views per call of the backbone')
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--precision', nargs='+', choices=DTYPES, default=['fp32'])
    parser.add_argument('--keep-freed', action='store_true')
    args = parser.parse_args()
    if args.keep_freed:
        keep_freed_memory()
    backbone = {'type': 'AlphaCLIP', 'arch': args.arch, 'random_seed': 0}
    head = {'type': 'ZipAdapterHead'}
    found = {
        name: Runs(
            MVRECClassifier(head, backbone, views_per_forward=args.batch, precision=name).eval()
        )
        for name in dict.fromkeys(['fp32', *args.precision])
    }
    exact = found['fp32'].model
    size = exact.backbone.img_size[0]
    views = torch.randint(0, 256, (1, NUM_VIEWS, 4, size, size), dtype=torch.uint8)
    inputs = exact.data_preprocessor({'inputs': views})['inputs']
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            expected = exact(inputs)
        operations = counter.get_total_flops()
        errors = {}
        for name, runs in found.items():
            # The first call makes what later ones use.
            feats = runs.model(inputs)
            errors[name] = (feats - expected).norm() / expected.norm()
        for _ in range(args.repeat):
            for name in args.precision:
                repeat(found[name], inputs, operations, DTYPES[name])
    print(
        f'{args.arch} (random weights), {NUM_VIEWS} views of {size} px, {args.batch} per call, '
        f'{torch.get_num_threads()} threads, {operations / 1e12:.2f} TFLOP'
    )
    for name in args.precision:
        runs = found[name]
        print(
            f'{name}: {statistics.median(runs.seconds):.2f} s, '
            f'{statistics.median(runs.fractions):.2f} of the matmul rate, '
            f'{statistics.median(runs.faults):.0f} page faults, '
            f'{100 * statistics.median(runs.kernel):.0f} % of the time in the kernel, '
            f'relative error {errors[name]:.1e}'
        )
    print(f'peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB')


if __name__ == '__main__':
    main()
