"""Embed one instance (27 views) with a backbone of random weights, against the machine's matmul.

    python benchmarks/bench_backbone.py --arch vit-l/14 --batch 9

In one run and with the same number of threads: seconds for one instance, peak memory of the
process, and the floating point rate as a fraction of that of a large float32 matrix product,
measured right before and after each repetition.
"""

import argparse
import resource
import statistics
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from mmvrec.models import MVRECClassifier

NUM_VIEWS = 27
MATRIX = 4096


def matmul_rate() -> float:
    """Floating point operations per second of a 4096 x 4096 float32 matrix product."""
    a, b = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    start = time.perf_counter()
    a @ b
    return 2 * MATRIX**3 / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--arch', default='vit-l/14')
    parser.add_argument('--batch', type=int, default=9, help='views per call of the backbone')
    parser.add_argument('--repeat', type=int, default=3)
    args = parser.parse_args()
    model = MVRECClassifier(
        backbone={'type': 'AlphaCLIP', 'arch': args.arch, 'random_seed': 0},
        head={'type': 'ZipAdapterHead'},
        views_per_forward=args.batch,
    ).eval()
    size = model.backbone.img_size[0]
    views = torch.randint(0, 256, (1, NUM_VIEWS, 4, size, size), dtype=torch.uint8)
    inputs = model.data_preprocessor({'inputs': views})['inputs']
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            model(inputs)
        operations = counter.get_total_flops()
        seconds, fractions = [], []
        for _ in range(args.repeat):
            before = matmul_rate()
            start = time.perf_counter()
            model(inputs)
            seconds.append(time.perf_counter() - start)
            peak = (before + matmul_rate()) / 2
            fractions.append(operations / seconds[-1] / peak)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f'{args.arch} (random weights), {NUM_VIEWS} views of {size} px, {args.batch} per call, '
        f'{torch.get_num_threads()} threads, float32: {statistics.median(seconds):.2f} s, '
        f'{operations / 1e12:.2f} TFLOP, {statistics.median(fractions):.2f} of the matmul rate, '
        f'peak memory {memory:.1f} GiB'
    )


if __name__ == '__main__':
    main()
