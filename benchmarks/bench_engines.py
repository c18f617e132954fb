"""A backbone of random weights as the runtime runs it, by engine and precision, against torch.

    python benchmarks/bench_engines.py --arch vit-l/14 --views 9 27 --threads 2

The backbone is exported as ``mmvrec export`` does it (int8 is calibrated on noise, which is enough
to measure time); then torch in float32 and every engine and precision embed the views of one
instance in turns, so that a machine that becomes slower slows all of them. Medians of seconds, and
the ratio to torch; the rate is that of floating point operations over that of a large float32
matrix product of torch, measured before every turn. Graphs are kept in ``--folder``.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from mmvrec.deployment.graph import write_graph
from mmvrec.deployment.precision import prepare, to_int8
from mmvrec.deployment.sessions import Session
from mmvrec.models import AlphaCLIP

#: Engine and precision, as the runtime names them.
CASES = (
    ('onnx', 'fp32'),
    ('onnx', 'int8'),
    ('openvino', 'fp32'),
    ('openvino', 'fp16'),
    ('openvino', 'int8'),
)
#: Views that torch embeds in one call.
PER_CALL = 9
MATRIX = 4096


def main() -> None:
    """Export, measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--arch', default='vit-l/14')
    parser.add_argument('--views', type=int, nargs='+', default=[9, 27])
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--repeat', type=int, default=5)
    parser.add_argument('--folder', type=Path, default=Path('work_dirs/engines'))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    backbone = AlphaCLIP(arch=args.arch, random_seed=0)
    backbone.init_weights()
    backbone.eval()
    side = backbone.img_size[0]
    graphs = written(backbone, args.folder / args.arch.replace('/', '-'), side)
    embedders: dict[str, Callable] = {'torch fp32': lambda views: by_torch(backbone, views)}
    for engine, precision in CASES:
        graph = graphs['int8' if precision == 'int8' else 'fp32']
        embedders[f'{engine} {precision}'] = Session(graph, engine, precision, args.threads)
    print(f'{args.arch} (random weights), views of {side} pixels, {args.threads} threads')
    print('| views | engine | seconds | torch is slower by | rate / float32 matmul |')
    print('|---|---|---|---|---|')
    for number in args.views:
        views = np.random.default_rng(0).integers(0, 256, (number, 4, side, side), np.uint8)
        measure(embedders, backbone, views, args.repeat)


def written(backbone: AlphaCLIP, folder: Path, side: int) -> dict[str, Path]:
    """The graphs in float32 and in eight bits; those that are there already are used."""
    graphs = {name: folder / f'{name}.onnx' for name in ('fp32', 'prepared', 'int8')}
    folder.mkdir(parents=True, exist_ok=True)
    if not graphs['int8'].is_file():
        write_graph(backbone, graphs['fp32'], side, 4)
        noise = np.random.default_rng(1).integers(0, 256, (2, 3, 4, side, side), np.uint8)
        prepare(graphs['fp32'], graphs['prepared'])
        to_int8(graphs['prepared'], graphs['int8'], noise)
    return graphs


@torch.inference_mode()
def by_torch(backbone: AlphaCLIP, views: np.ndarray) -> np.ndarray:
    """Features by torch, float32, (V, C)."""
    chunks = torch.from_numpy(views).split(PER_CALL)
    return torch.cat([backbone.embed(chunk.float()) for chunk in chunks]).numpy()


def measure(
    embedders: dict[str, Callable], backbone: AlphaCLIP, views: np.ndarray, repeat: int
) -> None:
    """Print a row for every embedder."""
    with FlopCounterMode(display=False) as counter:
        by_torch(backbone, views)
    seconds: dict[str, list] = {name: [] for name in embedders}
    rates: dict[str, list] = {name: [] for name in embedders}
    # Once for nothing, as the first call allocates.
    for turn in range(repeat + 1):
        for name, embed in embedders.items():
            rate = matmul_rate()
            begin = time.perf_counter()
            embed(views)
            took = time.perf_counter() - begin
            if turn:
                seconds[name].append(took)
                rates[name].append(counter.get_total_flops() / took / rate)
    first = statistics.median(seconds['torch fp32'])
    for name in embedders:
        own = statistics.median(seconds[name])
        print(
            f'| {len(views)} | {name} | {own:.2f} | {first / own:.1f} | '
            f'{statistics.median(rates[name]):.2f} |',
            flush=True,
        )


def matmul_rate() -> float:
    """Floating point operations per second of a 4096 x 4096 float32 matrix product."""
    a, b = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    begin = time.perf_counter()
    a @ b
    return 2 * MATRIX**3 / (time.perf_counter() - begin)


if __name__ == '__main__':
    main()
